-- Takes from limits, all or none, by the clock of this server. The algorithms are those of `crates/store/src/limits/`, where they are explained;
-- numbers are doubles here, which are exact as far as 2^53: products beyond that are off by one part in 2^53.
--
-- KEYS: the counter or log of each limit. ARGV: cost, whether it is due, most entries of a log, the time in microseconds (empty: now), and for each
-- limit: algorithm, count, period in microseconds or `month`, capacity. Says: whether it is allowed, delay, and for each limit: remaining, reset,
-- retry (-1: never).
--
-- The clock of a server may be set back, or be that of a replica which is behind: what was counted at a time that lies ahead by more than a period is
-- forgotten or takes place now, so that nobody is locked out until the clock is there again.
local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local DAY = 86400000000
local WEEK, MONDAY, LONGEST_MONTH = 7 * DAY, 4 * DAY, 31 * DAY
local LATEST = 9007199254740991

local asked, is_due, most = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function whole(number)
  return string.format('%.0f', number)
end

-- What is taken from a limit of this capacity. What is due may be a number from outside.
local function cost_for(capacity)
  return is_due and min(asked, capacity * 1000, 2 ^ 40) or asked
end

local function ttl(ends)
  return whole(max(1, ceil((ends - now) / 1000)))
end

-- A counter: when it ends, what was used, what was used before.
local function counter(key)
  local ends, used, before = string.match(redis.call('GET', key) or '', '^(%d+) (%d+) (%d+)$')
  return tonumber(ends) or 0, tonumber(used) or 0, tonumber(before) or 0
end

local function count(key, ends, used, before)
  ends = min(ends, LATEST)
  redis.call('SET', key, whole(ends) .. ' ' .. whole(used) .. ' ' .. whole(before), 'PX', ttl(ends))
end

-- Buckets. How far from full one is, is counted in parts of a microsecond, `rate` to each; one request costs `period` of them. The third number is when
-- it was counted: a clock that was behind that has been set, and the bucket is as far from full as it was.
local function bucket(key, rate, period, capacity, is_leaky)
  local cost = cost_for(capacity)
  local wanted = max(cost, 1)
  local ends, sooner, counted = counter(key)
  if counted > now then
    ends = ends - (counted - now)
    count(key, ends, sooner, now)
  end
  local missing = max(0, max(0, ends - now) * rate - sooner)
  local over = missing + wanted * period - capacity * period
  local limit = { retry = 0, delay = is_leaky and ceil(missing / rate) or 0 }
  if over > 0 and not is_due then
    limit.retry = wanted > capacity and -1 or ceil(over / rate)
  end
  function limit.take()
    missing = missing + cost * period
    local ahead = ceil(missing / rate)
    count(key, now + ahead, max(0, ahead * rate - missing), now)
  end
  function limit.left()
    return floor(max(0, capacity * period - missing) / period), ceil(missing / rate)
  end
  return limit
end

-- The first day of a month, in days since 1970.
local BEFORE = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 }
local function first_of(year, month)
  local past = year - 1
  local is_leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  local leap_day = (is_leap and month > 2) and 1 or 0
  return past * 365 + floor(past / 4) - floor(past / 100) + floor(past / 400) + BEFORE[month] + leap_day - 719162
end

local function month_end()
  local day = floor(now / DAY)
  local year, month = 1970 + floor(day * 400 / 146097) + 1, 12
  while first_of(year, 1) > day do year = year - 1 end
  while first_of(year, month) > day do month = month - 1 end
  if month == 12 then return first_of(year + 1, 1) * DAY end
  return first_of(year, month + 1) * DAY
end

local function window_end(period)
  if period == 'month' then return month_end(), LONGEST_MONTH end
  local length = tonumber(period)
  local began = length % WEEK == 0 and MONDAY or 0
  if now < began then return began, length end
  return began + (floor((now - began) / length) + 1) * length, length
end

local function fixed_window(key, most_taken, period)
  local cost = cost_for(most_taken)
  local wanted = max(cost, 1)
  local window, length = window_end(period)
  local ends, used = counter(key)
  if ends < window or ends > window + length then ends, used = window, 0 end
  local limit = { retry = 0, delay = 0 }
  if used + wanted > most_taken and not is_due then
    limit.retry = wanted > most_taken and -1 or ends - now
  end
  function limit.take()
    used = used + cost
    count(key, ends, used, 0)
  end
  function limit.left()
    return max(0, most_taken - used), ends - now
  end
  return limit
end

-- Two windows: `before` counts as far as the last `length` still covers its window.
local function estimate(key, most_taken, length)
  local cost = cost_for(most_taken)
  local wanted = max(cost, 1)
  local ends, used, before = counter(key)
  local began, last = now - now % length, ends - 2 * length
  if last > now + length then
    used, before = 0, 0
  elseif ends > 0 and last >= began then
    began = last
  elseif ends > 0 and last >= 0 and last + length == began then
    used, before = 0, used
  else
    used, before = 0, 0
  end
  local covered = length - min(max(0, now - began), length)
  local function coverable(room, taken)
    return min(length, floor(room * length / max(1, taken)))
  end
  local limit = { retry = 0, delay = 0 }
  local room = most_taken - wanted
  if before * covered > (room - used) * length and not is_due then
    if room < 0 then
      limit.retry = -1
    elseif room >= used then
      limit.retry = covered - coverable(room - used, before)
    else
      limit.retry = covered + length - coverable(room, used)
    end
  end
  function limit.take()
    used = used + cost
    count(key, began + 2 * length, used, before)
  end
  function limit.left()
    local free = max(0, most_taken * length - used * length - before * covered)
    local reset = 0
    if used > 0 then
      reset = covered + length
    elseif before > 0 then
      reset = covered
    end
    return floor(free / length), reset
  end
  return limit
end

-- A log: a list of what was taken, oldest first: when, how much was taken before it since the list began, how much.
local function entry(text)
  local at, before, taken = string.match(text or '', '^(%d+) (%d+) (%d+)$')
  return tonumber(at), tonumber(before), tonumber(taken)
end

local function told(at, before, taken)
  return whole(at) .. ' ' .. whole(before) .. ' ' .. whole(taken)
end

-- The number of the first entry of which this is so, and of all after it; their count where it is so of none.
local function first_that(key, is_so)
  local low, high = 0, redis.call('LLEN', key)
  while low < high do
    local middle = floor((low + high) / 2)
    if is_so(entry(redis.call('LINDEX', key, middle))) then high = middle else low = middle + 1 end
  end
  return low
end

-- Forgets what counts no more, and what lies ahead by more than a period.
local function forget(key, length)
  local oldest, newest = entry(redis.call('LINDEX', key, 0)), entry(redis.call('LINDEX', key, -1))
  if newest and newest > now + length then
    local kept = first_that(key, function(at) return at and at > now + length end)
    if kept > 0 then redis.call('LTRIM', key, 0, kept - 1) else redis.call('DEL', key) end
  end
  if oldest and oldest + length <= now then
    redis.call('LTRIM', key, first_that(key, function(at) return at and at + length > now end), -1)
  end
end

-- Sums begin anew before they are too large for doubles, which is seldom.
local function rebase(key, since)
  local all = redis.call('LRANGE', key, 0, -1)
  redis.call('DEL', key)
  for _, text in ipairs(all) do
    local at, before, taken = entry(text)
    redis.call('RPUSH', key, told(at, before - since, taken))
  end
end

local function sliding_window(key, most_taken, length)
  local cost = cost_for(most_taken)
  local wanted = max(cost, 1)
  forget(key, length)
  local _, since = entry(redis.call('LINDEX', key, 0))
  local last, before, taken = entry(redis.call('LINDEX', key, -1))
  local used, sum = 0, 0
  if since and last then
    sum = before + taken
    used = sum - since
  end
  local limit = { retry = 0, delay = 0 }
  local room = most_taken - wanted
  if used > room and not is_due then
    if room < 0 then
      limit.retry = -1
    else
      -- The oldest after which there is room.
      local oldest = first_that(key, function(_, earlier, its) return sum - earlier - its <= room end)
      limit.retry = max(0, entry(redis.call('LINDEX', key, oldest)) + length - now)
    end
  end
  -- Where half of the entries are there, what is taken within the same part of a period becomes one at the latest of its times: it counts for too long
  -- rather than too short. A period touches one part more than it has; so there are never more entries than may be.
  local function is_with_last(entries)
    if not last then return false end
    local part = ceil(length / max(1, most - ceil(most / 2) - 1))
    return last >= now or entries >= most or entries >= most / 2 and floor(last / part) == floor(now / part)
  end
  function limit.take()
    if is_with_last(redis.call('LLEN', key)) then
      last, taken = max(last, now), taken + cost
      redis.call('LSET', key, -1, told(last, before, taken))
    else
      last, before, taken = now, sum, cost
      redis.call('RPUSH', key, told(last, before, taken))
    end
    used = used + cost
    if since and since > 2 ^ 50 then rebase(key, since) end
    redis.call('PEXPIRE', key, ttl(last + length))
  end
  function limit.left()
    return max(0, most_taken - used), last and max(0, last + length - now) or 0
  end
  return limit
end

local limits, is_allowed, delay = {}, true, 0
for index, key in ipairs(KEYS) do
  local at = 1 + 4 * index
  local algorithm, most_taken, period, capacity = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], tonumber(ARGV[at + 3])
  local limit
  if algorithm == 'token_bucket' then
    limit = bucket(key, most_taken, tonumber(period), capacity, false)
  elseif algorithm == 'leaky_bucket' then
    limit = bucket(key, most_taken, tonumber(period), capacity, true)
  elseif algorithm == 'fixed_window' then
    limit = fixed_window(key, most_taken, period)
  elseif algorithm == 'sliding_window_estimate' then
    limit = estimate(key, most_taken, tonumber(period))
  else
    limit = sliding_window(key, most_taken, tonumber(period))
  end
  limits[index] = limit
  is_allowed = is_allowed and limit.retry == 0
  delay = max(delay, limit.delay)
end

local is_taken = is_allowed and asked > 0
local said = { is_allowed and 1 or 0, (is_taken and not is_due) and min(delay, LATEST) or 0 }
for index, limit in ipairs(limits) do
  if is_taken then limit.take() end
  local remaining, reset = limit.left()
  local at = 3 * index
  said[at], said[at + 1], said[at + 2] = min(remaining, LATEST), min(reset, LATEST), min(limit.retry, LATEST)
end
return said
