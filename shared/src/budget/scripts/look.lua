-- How things stand; changes nothing.
-- KEYS and ARGV: held, waiting, in flight, then a window for each limit; now (0: Redis' clock), then for each limit: requests,
-- width of a bucket in ms.
-- Answers {now, held until (0: not), in flight, then how many wait of each rank, then for each limit: how many it has, how many
-- are left, when none counts any more (0: none does)}.
local now = now_ms(ARGV[1])
local held = tonumber(redis.call('GET', KEYS[1]) or '0')
local flying = redis.call('ZCOUNT', KEYS[3], '(' .. string.format('%.0f', now), '+inf')
local answer = {now, held > now and held or 0, flying, 0, 0, 0, 0}
for _, waiter in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%.0f', now), '+inf')) do
  local rank = tonumber(string.sub(waiter, 1, 1))
  answer[4 + rank] = answer[4 + rank] + 1
end
for i = 4, #KEYS do
  local requests, width = tonumber(ARGV[2 * (i - 3)]), tonumber(ARGV[2 * (i - 3) + 1])
  local w = window(KEYS[i], requests, width, now)
  answer[#answer + 1] = w.n
  answer[#answer + 1] = math.max(0, w.n - w.own - w.others)
  answer[#answer + 1] = #w.kept > 1 and gone_at(w, width, #w.kept - 2) or 0
end
return answer
