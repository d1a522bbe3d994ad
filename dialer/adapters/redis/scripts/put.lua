-- KEYS meta, lock, flying, feed, keys of the first line..., keys of the second..., ...
-- ARGV generation, now, window, longest feed, cell, token and replid of a rebuild (or '', ''), number of lines,
--      then for each line id, line, 'flying' or 'settled' or 'other', number of keys, values...
-- ->  1 done, -1 not whole, or not the rebuilder's any more
local meta, lock, flying, feed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local generation, now, window, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local cell, token, replid = ARGV[5], ARGV[6], ARGV[7]
local loading = token ~= ''
if loading then
  if redis.call('GET', lock) ~= token or identity() ~= replid then return -1 end
elseif not whole(meta, generation) then
  return -1
end
local key, arg = 5, 9
for _ = 1, tonumber(ARGV[8]) do
  local id, line, state, count = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], tonumber(ARGV[arg + 3])
  arg = arg + 4
  local news = false
  for _ = 1, count do
    if store(KEYS[key], id, ARGV[arg], now, window) then news = true end
    key, arg = key + 1, arg + 1
  end
  if state == 'settled' then redis.call('HDEL', flying, id) end
  if news and not loading then
    if state == 'flying' then redis.call('HSET', flying, id, cell .. '\n' .. line) end
    publish(meta, feed, longest, line)
  end
end
return 1
