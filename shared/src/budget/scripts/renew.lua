-- A request is still on its way. KEYS: in flight. ARGV: now (0: Redis' clock), lease, ms.
local now, ms = now_ms(ARGV[1]), tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], 'XX', now + ms, ARGV[2])
redis.call('PEXPIRE', KEYS[1], ms)
return {}
