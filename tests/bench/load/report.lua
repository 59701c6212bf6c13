-- What every script ends with: one line that wrk.py reads. Times in microseconds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("REPORT %d %d %d %d %d\n",
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
