-- Takes in what a vendor told of its limits: it may say that there is less than we think, never more.
-- KEYS: a window for each limit it told of.
-- ARGV: now (0: Redis' clock), then for each: requests, width of a bucket in ms, and as told or -1: remaining, limit,
--       ms until the vendor counts anew.
local now = now_ms(ARGV[1])
for i, key in ipairs(KEYS) do
  local arg = {}
  for j = 1, 5 do arg[j] = tonumber(ARGV[1 + 5 * (i - 1) + j]) end
  local requests, width, remaining, limit, resets = unpack(arg)
  local w = window(key, requests, width, now)
  if limit > 0 then
    w.kept[1] = limit < requests and limit or 0
    w.n = math.min(limit, requests)
  end
  local more = remaining >= 0 and w.n - math.min(remaining, w.n) - w.own - w.others or 0
  if more > 0 then
    local bucket = w.current
    if resets >= 0 then
      local until_then = math.ceil((now + resets) / width) - (PIECES + 2)
      bucket = math.max(w.current - PIECES - 1, math.min(w.current, until_then))
    end
    count(w, bucket, 0, more)
  end
  keep(key, w, width)
end
return {}
