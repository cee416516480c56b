-- GET with many access tokens in turn. Arguments: a file with one token a line.
local tokens, next_one = {}, 0
function init(args)
  for line in io.lines(args[1]) do tokens[#tokens + 1] = "Bearer " .. line end
end
function request()
  next_one = next_one % #tokens + 1
  wrk.headers["Authorization"] = tokens[next_one]
  return wrk.format("GET")
end
