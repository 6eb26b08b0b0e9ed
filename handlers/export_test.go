package handlers

// AppendTime is how a time is written.
var AppendTime = appendTime

// PublicRoutes gives the methods of every path of the public side that is there.
func PublicRoutes() map[string][]string {
	out := map[string][]string{}
	for _, rt := range publicRoutes {
		for method := range rt.does {
			out[rt.path] = append(out[rt.path], method)
		}
	}
	return out
}

// Codes gives the codes of refusals, by status.
func Codes() map[int][]string {
	out := map[int][]string{}
	for code, k := range kinds {
		out[k.status] = append(out[k.status], string(code))
	}
	return out
}
