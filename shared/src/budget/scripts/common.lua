-- A window is kept as {cap, bucket, own, others, bucket, own, others, ...}, oldest bucket first: what we sent, and what by the
-- vendor's word somebody else did. cap is 0 until a vendor told one. Its
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
  local kept, own, others, moved = {stored[1]}, 0, 0, false
  for i = 2, #stored, 3 do
    -- A clock that was set back must not count for ever what lies in its future.
    local bucket = math.min(stored[i], current)
    moved = moved or bucket ~= stored[i]
    if current - bucket <= PIECES + 1 then
      kept[#kept + 1] = bucket
      kept[#kept + 1] = stored[i + 1]
      kept[#kept + 1] = stored[i + 2]
      own = own + stored[i + 1]
      others = others + stored[i + 2]
    end
  end
  local cap = stored[1]
  local n = cap > 0 and math.min(cap, requests) or requests
  return {kept = kept, own = own, others = others, current = current, n = n, moved = moved}
end

local function count(w, bucket, own, others)
  local at = #w.kept + 1
  while at > 2 and w.kept[at - 3] >= bucket do at = at - 3 end
  if w.kept[at] == bucket then
    w.kept[at + 1] = w.kept[at + 1] + own
    w.kept[at + 2] = w.kept[at + 2] + others
  else
    table.insert(w.kept, at, bucket)
    table.insert(w.kept, at + 1, own)
    table.insert(w.kept, at + 2, others)
  end
  w.own = w.own + own
  w.others = w.others + others
end

local function keep(key, w, width)
  redis.call('SET', key, cmsgpack.pack(w.kept), 'PX', math.ceil(width * (PIECES + 3)))
end

local function share(n, percent)
  return math.max(1, math.floor(n * percent / 100))
end

-- Its part of what others leave.
local function may(n, others, percent)
  return n > others and share(n - others, percent) or 0
end

-- When the bucket at this place counts no more.
local function gone_at(w, width, place)
  return math.ceil((w.kept[place] + PIECES + 2) * width)
end

-- When so many of those that count will count no more that there is room for one.
local function frees_at(w, width, percent)
  local own, others = w.own, w.others
  for i = 2, #w.kept, 3 do
    own = own - w.kept[i + 1]
    others = others - w.kept[i + 2]
    if own + 1 <= may(w.n, others, percent) then return gone_at(w, width, i) end
  end
  return 0
end
