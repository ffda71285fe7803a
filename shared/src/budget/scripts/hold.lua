-- Nobody of the account asks the vendor until then. KEYS: held. ARGV: now (0: Redis' clock), ms.
local now, ms = now_ms(ARGV[1]), tonumber(ARGV[2])
if now + ms > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%.0f', now + ms), 'PX', ms)
end
return {}
