-- KEYS meta, keys of lines...  ARGV generation  ->  each key's fields and values, one a line; nil: not whole
-- One text a key: the client reads it far faster than a list.
if not whole(KEYS[1], ARGV[1]) then return false end
local found = {}
for i = 2, #KEYS do found[i - 1] = table.concat(redis.call('HGETALL', KEYS[i]), '\n') end
return found
