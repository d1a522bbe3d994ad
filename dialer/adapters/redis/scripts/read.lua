-- KEYS meta, keys of lines...  ARGV generation  ->  each key's fields and values; nil: not whole
if not whole(KEYS[1], ARGV[1]) then return false end
local found = {}
for i = 2, #KEYS do found[i - 1] = redis.call('HGETALL', KEYS[i]) end
return found
