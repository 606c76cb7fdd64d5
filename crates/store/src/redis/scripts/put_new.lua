-- Puts an entry where there is none. KEYS: its key. ARGV: the entry, its time to live in milliseconds, the last byte to read of another.
-- Says the one that is there otherwise.
local found = redis.call('GETRANGE', KEYS[1], 0, ARGV[3])
if found ~= '' then
  return found
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
