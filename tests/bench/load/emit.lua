-- Single CloudEvents in binary mode, each with an id of its own. Arguments: bearer token, event type.
dofile(debug.getinfo(1, "S").source:sub(2):match("(.*/)") .. "report.lua")
local sent = 0
local run = string.format("%x-%x", os.time(), math.floor(os.clock() * 1e9))

function init(arguments)
  wrk.method = "POST"
  wrk.body = '{"order_id":"0c9e0d3e-7a0c-4b0e-9a53-6a6b1f0b6e10","lines":[{"sku":"tea-assam","quantity":2}]}'
  wrk.headers["Authorization"] = "Bearer " .. arguments[1]
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["ce-specversion"] = "1.0"
  wrk.headers["ce-source"] = "/bench"
  wrk.headers["ce-type"] = arguments[2]
  wrk.headers["ce-subject"] = "0c9e0d3e-7a0c-4b0e-9a53-6a6b1f0b6e10"
end

function request()
  sent = sent + 1
  wrk.headers["ce-id"] = run .. "-" .. sent
  return wrk.format()
end
