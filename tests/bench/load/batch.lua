-- CloudEvents in batches. Arguments: bearer token, event type, events in a batch.
dofile(debug.getinfo(1, "S").source:sub(2):match("(.*/)") .. "report.lua")
local sent = 0
local run = string.format("%x-%x", os.time(), math.floor(os.clock() * 1e9))
local before, after, events

function init(arguments)
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. arguments[1]
  wrk.headers["Content-Type"] = "application/cloudevents-batch+json"
  before = '{"specversion":"1.0","source":"/bench","type":"' .. arguments[2] .. '","id":"'
  after = '","data":{"order_id":"0c9e0d3e-7a0c-4b0e-9a53-6a6b1f0b6e10","lines":[{"sku":"tea-assam","quantity":2}]}}'
  events = tonumber(arguments[3])
end

function request()
  local parts = {}
  for index = 1, events do
    sent = sent + 1
    parts[index] = before .. run .. "-" .. sent .. after
  end
  return wrk.format(nil, nil, nil, "[" .. table.concat(parts, ",") .. "]")
end
