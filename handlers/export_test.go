package handlers

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
