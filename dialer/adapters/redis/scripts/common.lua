-- Stands before every script.

local VERSION = '#' -- the field of a hash of lines that says how often it was changed; no line has this id
local SWEEP_EVERY = 16
local DAY = 86400000
local SILENT_WINDOW = 730 * DAY -- ABANDONED_WINDOW of the ledger's port

-- Redis takes a new replication id at every start and at every promotion: what was loaded from a file, or came from
-- another master, is told apart from what was built here. It costs 6 us, and no silent reconnect can get past it.
local function identity()
  local info = redis.call('INFO', 'replication')
  if string.find(info, 'role:master', 1, true) then return string.match(info, 'master_replid:(%x+)') end
  return nil
end

-- whether the ledger is whole, and of this generation
local function whole(meta, generation)
  local known = redis.call('HMGET', meta, 'generation', 'replid')
  return known[1] and known[1] == generation and known[2] == identity()
end

local function revision_of(value)
  return tonumber(string.match(value, '^%d+'))
end

-- Until when a line is looked at, in ms of the cells' clock; nil: for ever. In flight it is never swept, but it doesn't
-- keep a forgotten key either: no call lasts for weeks.
local function over(value, window)
  local kind, base36 = string.match(value, '^%d+|(%a)(%w*)|')
  if base36 == '' then return nil, false end
  if kind == 's' then window = SILENT_WINDOW end
  return tonumber(base36, 36) / 1000 + window, kind ~= 'i'
end

-- drop what no rule looks at any more, and let the key live as long as its last line needs it, and a tenth more
local function sweep(key, now, window)
  local fields = redis.call('HGETALL', key)
  local last, for_ever = now + DAY, false
  for i = 1, #fields, 2 do
    if fields[i] ~= VERSION then
      local ends, may_go = over(fields[i + 1], window)
      if not ends then
        for_ever = true
      elseif ends < now and may_go then
        redis.call('HDEL', key, fields[i])
      elseif ends > last then
        last = ends
      end
    end
  end
  if for_ever then
    redis.call('PERSIST', key)
  else
    redis.call('PEXPIRE', key, string.format('%.0f', last - now + window / 10))
  end
end

-- Store a line under one key, unless the revision that stands there is as high. A write looks at the whole key only at
-- its start, while something in it holds for ever, and every few times: otherwise its cost doesn't grow with the key.
local function store(key, id, value, now, window)
  local known = redis.call('HGET', key, id)
  if known and revision_of(known) >= revision_of(value) then return false end
  redis.call('HSET', key, id, value)
  local version = redis.call('HINCRBY', key, VERSION, 1)
  local left = redis.call('PTTL', key)
  local ends = over(value, window)
  if left < 0 or not ends or version % SWEEP_EVERY == 0 then
    sweep(key, now, window)
  elseif ends - now + window / 10 > left then
    redis.call('PEXPIRE', key, string.format('%.0f', ends - now + window / 10))
  end
  return true
end

-- Tell every cell. The ids of the stream are consecutive, so that a reader sees what it missed.
local function publish(meta, feed, longest, line)
  local number = redis.call('HINCRBY', meta, 'fed', 1)
  redis.call('XADD', feed, 'MAXLEN', '~', longest, string.format('%.0f-0', number), 'line', line)
end
