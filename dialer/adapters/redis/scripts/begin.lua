-- KEYS meta, lock  ARGV token, ms, house
-- ->  the replication id, if the caller may rebuild ('' otherwise), and the house of what is stored
local known = redis.call('HMGET', KEYS[1], 'generation', 'replid')
local here = identity()
if known[1] and known[2] == here then return { '', '' } end
if redis.call('GET', KEYS[2]) ~= ARGV[1] and not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return { '', '' }
end
redis.call('HDEL', KEYS[1], 'generation')
-- what came back from a snapshot was written with the house of its day
redis.call('HSETNX', KEYS[1], 'house', ARGV[3])
return { here, redis.call('HGET', KEYS[1], 'house') }
