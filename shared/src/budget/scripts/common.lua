-- A window is kept as {cap, bucket, count, bucket, count, ...}, oldest bucket first; cap is 0 until a vendor told one. Its
-- length is cut into PIECES buckets, and what is counted is the last PIECES + 2 of them: whatever interval of the window's
-- length one looks at, and though what was taken may be used up to a bucket later, no more than was allowed lies within it.
local PIECES = 40

local function now_ms(given)
  given = tonumber(given)
  if given > 0 then return given end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function window(key, requests, width, now)
  local stored = redis.call('GET', key)
  stored = stored and cmsgpack.unpack(stored) or {0}
  local current = math.floor(now / width)
  local kept, used, moved = {stored[1]}, 0, false
  for i = 2, #stored, 2 do
    -- A clock that was set back must not count for ever what lies in its future.
    local bucket = math.min(stored[i], current)
    moved = moved or bucket ~= stored[i]
    if current - bucket <= PIECES + 1 then
      kept[#kept + 1] = bucket
      kept[#kept + 1] = stored[i + 1]
      used = used + stored[i + 1]
    end
  end
  local cap = stored[1]
  local n = cap > 0 and math.min(cap, requests) or requests
  return {kept = kept, used = used, current = current, n = n, moved = moved}
end

local function count(w, bucket, more)
  local at = #w.kept + 1
  while at > 2 and w.kept[at - 2] >= bucket do at = at - 2 end
  if w.kept[at] == bucket then
    w.kept[at + 1] = w.kept[at + 1] + more
  else
    table.insert(w.kept, at, bucket)
    table.insert(w.kept, at + 1, more)
  end
  w.used = w.used + more
end

local function keep(key, w, width)
  redis.call('SET', key, cmsgpack.pack(w.kept), 'PX', math.ceil(width * (PIECES + 3)))
end

-- When so many of those that count will count no more.
local function frees_at(w, width, over)
  for i = 2, #w.kept, 2 do
    over = over - w.kept[i + 1]
    if over <= 0 then return math.ceil((w.kept[i] + PIECES + 2) * width) end
  end
  return 0
end

local function share(n, percent)
  return math.max(1, math.floor(n * percent / 100))
end
