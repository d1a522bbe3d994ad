-- KEYS meta, lock  ARGV token, ms  ->  the replication id, if the caller may rebuild; '' otherwise
local known = redis.call('HMGET', KEYS[1], 'generation', 'replid')
local here = identity()
if known[1] and known[2] == here then return '' end
if redis.call('GET', KEYS[2]) ~= ARGV[1] and not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return '' end
redis.call('HDEL', KEYS[1], 'generation')
return here
