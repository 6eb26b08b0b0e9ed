package main

import (
	"strconv"
	"strings"
	"time"
)

// A scenario is one thing that is done to several peers.
type scenario struct {
	name    string
	title   string
	peers   []string
	args    []string // of parley bench
	restart bool     // the server is restarted while the streams are away
	figures []figure
	x       float64 // where it stands in a plot
}

// A figure is what a scenario is about.
type figure struct {
	name   string
	digits int
	of     func(*result) float64
}

// What parley bench --json gives, as far as it is used here.
type result struct {
	Opened          int     `json:"opened"`
	OpenedPerSecond float64 `json:"opened_per_second"`
	PostsPerSecond  float64 `json:"posts_per_second"`
	DeliveriesPer   float64 `json:"deliveries_per_second"`
	Delivery        latency `json:"delivery"`
	Post            latency `json:"post"`
	Server          struct {
		CPUPerDelivery float64 `json:"cpu_us_delivery"`
		CPUPerPost     float64 `json:"cpu_us_post"`
		CPUPerOpen     float64 `json:"cpu_us_open"`
		PerStream      float64 `json:"bytes_per_stream"`
		ResidentAfter  float64 `json:"resident_after"`
		Noticed        float64 `json:"close_noticed_seconds"`
		Left           float64 `json:"descriptors_left"`
	} `json:"server"`
	Return struct {
		Seconds  float64 `json:"seconds"`
		CaughtUp latency `json:"caught_up"`
		Post     latency `json:"post_meanwhile"`
	} `json:"return"`
}

type latency struct {
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

const (
	cpuDelivery = "CPU µs a delivery"
	cpuPost     = "CPU µs a POST"
	deliveries  = "deliveries/s"
	posts       = "POSTs/s"
	p50         = "p50 ms"
	p99         = "p99 ms"
	postP99     = "POST p99 ms"
	postBusy    = "POST p99 ms meanwhile"
	perStream   = "KB a stream"
	share       = "KB a stream, the empty server included"
	memory      = "MB resident"
	opens       = "opened/s"
	noticed     = "closed within s"
	left        = "descriptors left"
	caughtUp    = "all caught up, s"
	caughtP50   = "half caught up, s"
)

var figuresByName = map[string]figure{
	cpuDelivery: {cpuDelivery, 2, func(r *result) float64 { return r.Server.CPUPerDelivery }},
	cpuPost:     {cpuPost, 0, func(r *result) float64 { return r.Server.CPUPerPost }},
	deliveries:  {deliveries, 0, func(r *result) float64 { return r.DeliveriesPer }},
	posts:       {posts, 0, func(r *result) float64 { return r.PostsPerSecond }},
	p50:         {p50, 2, func(r *result) float64 { return r.Delivery.P50 }},
	p99:         {p99, 1, func(r *result) float64 { return r.Delivery.P99 }},
	postP99:     {postP99, 1, func(r *result) float64 { return r.Post.P99 }},
	postBusy:    {postBusy, 1, func(r *result) float64 { return r.Return.Post.P99 }},
	perStream:   {perStream, 2, func(r *result) float64 { return r.Server.PerStream / 1000 }},
	share:       {share, 2, func(r *result) float64 { return r.Server.ResidentAfter / 1000 / float64(max(r.Opened, 1)) }},
	memory:      {memory, 1, func(r *result) float64 { return r.Server.ResidentAfter / 1e6 }},
	opens:       {opens, 0, func(r *result) float64 { return r.OpenedPerSecond }},
	noticed:     {noticed, 3, func(r *result) float64 { return r.Server.Noticed }},
	left:        {left, 0, func(r *result) float64 { return r.Server.Left }},
	caughtUp:    {caughtUp, 2, func(r *result) float64 { return r.Return.Seconds }},
	caughtP50:   {caughtP50, 2, func(r *result) float64 { return r.Return.CaughtUp.P50 / 1000 }},
}

func figures(names ...string) (list []figure) {
	for _, n := range names {
		list = append(list, figuresByName[n])
	}
	return list
}

var (
	everyone = []string{"parley", "floor", "r3labs", "gosse", "nchan", "socketio"}
	rivals   = []string{"parley", "r3labs", "gosse", "nchan", "socketio"}
)

func scenarios() []scenario {
	list := []scenario{{
		name: "burst", title: "Burst: 1,000 streams in a room, 16 writers, 4,000 messages as fast as they are answered", peers: everyone,
		args:    words("--streams 1000 --messages 4000 --writers 16"),
		figures: figures(cpuDelivery, deliveries, p50, p99),
	}}
	for _, n := range []int{1000, 5000, 10000} {
		list = append(list, scenario{
			name: "paced-" + strconv.Itoa(n), title: "Paced: " + grouped(n) + " streams in a room, 20,000 deliveries a second in all, for 10 s", peers: everyone, x: float64(n),
			args:    words("--streams " + strconv.Itoa(n) + " --rate " + strconv.Itoa(20000/n) + " --for 10s"),
			figures: figures(cpuDelivery, p50, p99),
		})
	}
	list = append(list, scenario{
		name: "idle", title: "Idle: 15,000 streams", peers: rivals,
		args:    words("--streams 15000 --idle --settle 5s"),
		figures: figures(perStream, share, memory),
	}, scenario{
		name: "rooms", title: "Rooms: 2,000 streams in 400 rooms, 16 writers, 20,000 messages", peers: append([]string{"parley", "parley-memory"}, rivals[1:]...),
		args:    words("--streams 2000 --rooms 400 --writers 16 --messages 20000"),
		figures: figures(posts, cpuPost, postP99, p99),
	})
	for _, n := range []int{10, 100, 400, 2000} {
		list = append(list, scenario{
			name: "many-" + strconv.Itoa(n), title: "More rooms: " + grouped(n) + " rooms of 5 streams, 16 writers, 10,000 messages", peers: []string{"parley", "parley-memory", "r3labs", "nchan"}, x: float64(n),
			args:    words("--streams " + strconv.Itoa(5*n) + " --rooms " + strconv.Itoa(n) + " --writers 16 --messages 10000"),
			figures: figures(cpuPost, posts, p99),
		})
	}
	for _, n := range []int{0, 1, 50} {
		list = append(list, scenario{
			name: "stalled-" + strconv.Itoa(n), title: "Stalled: " + strconv.Itoa(n) + " of 100 streams are never read, 200 messages of 1,000 bytes a second, for 10 s", peers: []string{"parley"},
			args:    words("--streams 100 --stalled " + strconv.Itoa(n) + " --rate 200 --for 10s --size 1000"),
			figures: figures(p50, p99, memory),
		})
	}
	for _, r := range []struct {
		name, title, args string
		figures           []figure
	}{
		{"return-1-room", "Return: 10,000 streams in a room come back to a restarted server, 100 events each", "--streams 10000 --rooms 1 --messages 100 --writers 4 --return", figures(caughtP50, caughtUp)},
		{"return-1000-rooms", "Return: 10,000 streams in 1,000 rooms come back to a restarted server, 100 events each", "--streams 10000 --rooms 1000 --messages 100000 --writers 64 --return", figures(caughtP50, caughtUp)},
		{"return-paced-1-room", "The same in a room, while 10 messages a second are posted", "--streams 10000 --rooms 1 --messages 100 --writers 4 --return --rate 10", figures(caughtUp, postP99, postBusy)},
		{"return-paced-1000-rooms", "The same in 1,000 rooms, while 2,000 messages a second are posted", "--streams 10000 --rooms 1000 --messages 100000 --writers 64 --return --rate 2000", figures(caughtUp, postP99, postBusy)},
	} {
		list = append(list, scenario{name: r.name, title: r.title, peers: []string{"parley"}, args: words(r.args), restart: true, figures: r.figures})
	}
	return append(list, scenario{
		name: "opening", title: "Opening 10,000 streams, and closing all of them at once", peers: rivals,
		args:    words("--streams 10000 --idle"),
		figures: figures(opens, noticed, left),
	})
}

func words(s string) []string { return strings.Fields(s) }

// quick is the same with a tenth of everything.
func (s scenario) quick() scenario {
	s.args = append([]string(nil), s.args...)
	for i := 0; i+1 < len(s.args); i++ {
		switch s.args[i] {
		case "--streams", "--messages", "--rooms":
			if n, err := strconv.Atoi(s.args[i+1]); err == nil {
				s.args[i+1] = strconv.Itoa(max(1, n/10))
			}
		case "--stalled":
			if s.args[i+1] == "50" {
				s.args[i+1] = "5"
			}
		case "--for":
			s.args[i+1] = (2 * time.Second).String()
		}
	}
	return s
}

func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
