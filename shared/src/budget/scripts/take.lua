-- Takes from every limit of a request at once, or from none.
-- KEYS: held, waiting, in flight, then a window for each limit.
-- ARGV: now (0: Redis' clock), percent, want, waiter, whether it waited, at once (0: any), lease, lease ms,
--       then for each limit: requests, width of a bucket in ms.
-- Answers {wait ms, place of the limit in the way (0: the vendor asked to wait, -1: too many at once)}
--      or {0, taken, then for each limit: how many are left, how many it has}.
local now = now_ms(ARGV[1])
local percent, want = tonumber(ARGV[2]), tonumber(ARGV[3])
local at_once, lease_ms = tonumber(ARGV[6]), tonumber(ARGV[8])
local FIRST_KEY, FIRST_ARG = 4, 9
local wait, why = 0, 0
local function in_the_way(ms, what)
  if ms > wait then wait, why = ms, what end
end

local held = tonumber(redis.call('GET', KEYS[1]) or '0')
if held > now then in_the_way(held - now, 0) end

local windows, room = {}, want
for i = 1, #KEYS - FIRST_KEY + 1 do
  local requests = tonumber(ARGV[FIRST_ARG + 2 * (i - 1)])
  local width = tonumber(ARGV[FIRST_ARG + 2 * (i - 1) + 1])
  local w = window(KEYS[FIRST_KEY + i - 1], requests, width, now)
  w.width = width
  windows[i] = w
  if w.moved then keep(KEYS[FIRST_KEY + i - 1], w, width) end
  local allowed = may(w.n, w.others, percent)
  if w.own + 1 > allowed then
    in_the_way(math.max(1, frees_at(w, width, percent) - now), i)
  else
    -- What is taken ahead leaves half.
    room = math.min(room, math.max(1, allowed - w.own - math.ceil(allowed / 2)))
  end
end

if at_once > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  if redis.call('ZCARD', KEYS[3]) >= share(at_once, percent) then in_the_way(50, -1) end
end

if wait > 0 then
  -- Who does not come back waits no more; those that are put off come back somewhat later.
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  redis.call('ZADD', KEYS[2], now + wait + math.min(wait / 4, 10000) + 2000, ARGV[4])
  redis.call('PEXPIRE', KEYS[2], wait + 60000)
  return {math.ceil(wait), why}
end

local answer = {0, room}
for i, w in ipairs(windows) do
  count(w, w.current, room, 0)
  keep(KEYS[FIRST_KEY + i - 1], w, w.width)
  answer[#answer + 1] = w.n - w.own - w.others
  answer[#answer + 1] = w.n
end
if at_once > 0 then
  redis.call('ZADD', KEYS[3], now + lease_ms, ARGV[7])
  redis.call('PEXPIRE', KEYS[3], lease_ms)
end
if ARGV[5] == '1' then redis.call('ZREM', KEYS[2], ARGV[4]) end
return answer
