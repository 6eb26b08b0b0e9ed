package handlers

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are a server's own: two servers in one process do not share them. No
// label holds what a stranger chose.
type metrics struct {
	exposed   http.Handler
	requests  *prometheus.CounterVec
	refused   *prometheus.CounterVec
	published *prometheus.CounterVec
	bytes     prometheus.Counter
	acks      *prometheus.CounterVec

	mu      sync.RWMutex
	counted map[outcome]prometheus.Counter // those of requests that have counted one
}

// An outcome is what requests are counted by. There are so many as there are routes,
// methods of theirs and statuses: nothing in it is a stranger's choice.
type outcome struct {
	route, method string
	status        int
}

func newMetrics(s *Server) *metrics {
	reg := prometheus.NewRegistry()
	m := &metrics{
		counted: map[outcome]prometheus.Counter{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_http_requests_total",
			Help: "Requests answered, by route, method and status. A stream counts when it opens.",
		}, []string{"route", "method", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_refused_total",
			Help: "Requests refused, by code.",
		}, []string{"code"}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_events_published_total",
			Help: "Events published, by whether they were kept, volatile, or a repeat that stored nothing.",
		}, []string{"kept"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "parley_published_bytes_total",
			Help: "Bytes of the bodies published, as they were posted; repeats not counted.",
		}),
		acks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_acks_total",
			Help: "Answers that posts asked for, by whether they came or the member was missing; repeats not counted.",
		}, []string{"outcome"}),
	}
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.refused, m.published, m.bytes, m.acks,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "parley_streams",
			Help: "Streams and polls that are open.",
		}, func() float64 { return float64(s.streams.Open.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "parley_members",
			Help: "Members that are there, in all namespaces: with a stream, or gone for less than the grace.",
		}, func() float64 {
			if r := s.life.Load().registry; r != nil {
				return float64(r.Present())
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "parley_window_bytes",
			Help: "Memory that the newest events of rooms that are listened to take, about. An event in several rooms counts in each.",
		}, func() float64 {
			if r := s.life.Load().registry; r != nil {
				return float64(r.WindowMemory())
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "parley_acks_waiting",
			Help: "Posts that wait for those they asked to answer.",
		}, func() float64 { return float64(s.askers.Waiting()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "parley_streams_opened_total",
			Help: "Streams and polls opened.",
		}, func() float64 { return float64(s.streams.Opened.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "parley_events_delivered_total",
			Help: "Events given to streams and polls, for each anew.",
		}, func() float64 { return float64(s.streams.Events.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "parley_delivered_bytes_total",
			Help: "Bytes that sockets took, of polls and of streams that have ended.",
		}, func() float64 { return float64(s.streams.Bytes.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "parley_ready",
			Help: "1 while the server is ready.",
		}, func() float64 {
			if ok, _ := s.ready(); ok {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "parley_build_info",
			Help:        "Always 1; the version is in the label.",
			ConstLabels: prometheus.Labels{"version": s.o.Version},
		}, func() float64 { return 1 }),
	)
	m.exposed = promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
	return m
}

// answered counts a request by the route it matched, "" for none.
func (m *metrics) answered(route, method string, w *echo.Response) {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default:
		method = "other"
	}
	m.counter(outcome{route, method, w.Status}).Inc()
}

// counter gives the counter of an outcome. It is asked for at each request, and the
// vector would write the status and put three labels together each time.
func (m *metrics) counter(o outcome) prometheus.Counter {
	m.mu.RLock()
	c := m.counted[o]
	m.mu.RUnlock()
	if c == nil {
		o.method = strings.Clone(o.method) // a piece of the whole request line
		c = m.requests.WithLabelValues(o.route, o.method, strconv.Itoa(o.status))
		m.mu.Lock()
		m.counted[o] = c
		m.mu.Unlock()
	}
	return c
}

// exposition answers in Prometheus' format.
func (s *Server) exposition(w http.ResponseWriter, r *http.Request, _ request) error {
	s.metrics.exposed.ServeHTTP(w, r)
	return nil
}
