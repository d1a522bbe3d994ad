-- KEYS meta  ARGV generation: it misses something; it must be rebuilt
if redis.call('HGET', KEYS[1], 'generation') == ARGV[1] then redis.call('HDEL', KEYS[1], 'generation') end
return 1
