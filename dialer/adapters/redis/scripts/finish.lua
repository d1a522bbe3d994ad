-- KEYS meta, lock, feed  ARGV token, replid, generation, watermark  ->  1 if the ledger is whole now
-- Asked again, because the reply was lost, it says so again.
if whole(KEYS[1], ARGV[3]) then return 1 end
if redis.call('GET', KEYS[2]) ~= ARGV[1] or identity() ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('HSET', KEYS[1], 'generation', ARGV[3], 'replid', ARGV[2], 'watermark', ARGV[4], 'fed', 0)
return 1
