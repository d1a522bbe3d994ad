-- KEYS meta
-- ->  generation ('' while it isn't whole), number of the feed's last line, watermark, 1 if keys may be evicted, house
local known = redis.call('HMGET', KEYS[1], 'generation', 'replid', 'fed', 'watermark', 'house')
local generation = known[1]
if not generation or known[2] ~= identity() then generation = '' end
local memory = redis.call('INFO', 'memory')
local limited = string.match(memory, 'maxmemory:(%d+)') ~= '0'
local evicts = limited and string.match(memory, 'maxmemory_policy:([%w-]+)') ~= 'noeviction'
return { generation, tonumber(known[3] or 0), tonumber(known[4] or 0), evicts and 1 or 0, known[5] or '' }
