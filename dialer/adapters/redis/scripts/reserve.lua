-- KEYS meta, flying, feed, keys of lines...
-- ARGV generation, now, window, longest feed, cell, id, line, then for each key the version seen and the value
-- ->  1 reserved, 0 something changed since it was seen, -1 not whole
local meta, flying, feed = KEYS[1], KEYS[2], KEYS[3]
local generation, now, window, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local cell, id, line = ARGV[5], ARGV[6], ARGV[7]
if not whole(meta, generation) then return -1 end
for i = 4, #KEYS do
  -- asked again, because the reply was lost
  if redis.call('HGET', KEYS[i], id) == ARGV[2 * i + 1] then return 1 end
end
for i = 4, #KEYS do
  if (redis.call('HGET', KEYS[i], VERSION) or '0') ~= ARGV[2 * i] then return 0 end
end
for i = 4, #KEYS do
  -- settled before it was reserved: whoever asked has given up
  if redis.call('HEXISTS', KEYS[i], id) == 1 then return 0 end
end
for i = 4, #KEYS do store(KEYS[i], id, ARGV[2 * i + 1], now, window) end
redis.call('HSET', flying, id, cell .. '\n' .. line)
publish(meta, feed, longest, line)
return 1
