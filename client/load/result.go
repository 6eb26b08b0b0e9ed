package load

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Result is what came of a run. Times are in the unit of their names.
type Result struct {
	Streams int `json:"streams"`
	Rooms   int `json:"rooms"`
	Writers int `json:"writers"`
	Size    int `json:"size"`
	Stalled int `json:"stalled,omitempty"`

	Opened           int     `json:"opened"`
	OpenSeconds      float64 `json:"open_seconds"`
	OpenedPerSecond  float64 `json:"opened_per_second"`
	ClosedByServer   int     `json:"closed_by_server"` // streams that should have stayed
	Messages         int64   `json:"messages"`         // that were accepted
	Refused          int     `json:"refused"`
	Doubtful         int     `json:"doubtful"` // posted, without an answer that says whether they were kept
	PostSeconds      float64 `json:"post_seconds"`
	PostsPerSecond   float64 `json:"posts_per_second"`
	Deliveries       int64   `json:"deliveries"` // different messages, over the streams that are read
	Expected         int64   `json:"expected"`
	DeliverySeconds  float64 `json:"delivery_seconds"` // from the first POST to the last delivery
	DeliveriesPerSec float64 `json:"deliveries_per_second"`
	Lost             int64   `json:"lost"`
	Duplicated       int     `json:"duplicated"`
	Reordered        int     `json:"reordered"` // heard after a younger message of the same writer
	Strayed          int     `json:"strayed"`   // heard in another room
	Delivery         Latency `json:"delivery"`
	Post             Latency `json:"post"`
	Return           *Return `json:"return,omitempty"`
	Server           *Server `json:"server,omitempty"`
	GeneratorSeconds float64 `json:"generator_cpu_seconds"` // CPU of this process while messages were sent; Linux only
	FirstError       string  `json:"first_error,omitempty"`
}

// Latency is the quantiles of one kind of wait.
type Latency struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
}

// Return is how the streams came back.
type Return struct {
	Streams  int     `json:"streams"` // that caught up
	Seconds  float64 `json:"seconds"` // from the first opening until the last had caught up
	CaughtUp Latency `json:"caught_up"`
	// PostMeanwhile is what POSTs took in that time, with a rate; Post is then what they
	// took while everybody was away.
	PostMeanwhile *Latency `json:"post_meanwhile,omitempty"`
}

// Server is what a server on this machine used.
type Server struct {
	CPUSeconds       float64 `json:"cpu_seconds"`           // from the first POST to the last delivery
	CPUPerDelivery   float64 `json:"cpu_us_delivery"`       // microseconds
	CPUPerPost       float64 `json:"cpu_us_post"`           // microseconds
	OpenCPUPerStream float64 `json:"cpu_us_open"`           // microseconds
	ResidentBefore   int64   `json:"resident_before"`       // bytes, before the first stream
	ResidentOpen     int64   `json:"resident_open"`         // with all streams open, before the first message
	ResidentAfter    int64   `json:"resident_after"`        // after the last delivery
	ResidentPeak     int64   `json:"resident_peak"`         // over the life of the process
	PerStream        float64 `json:"bytes_per_stream"`      // what opening the streams added, for each
	NoticedSeconds   float64 `json:"close_noticed_seconds"` // from closing all streams until the server had closed them
	LeftOpen         int     `json:"descriptors_left"`      // that it still had ten seconds later
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	ms := func(us int64) float64 { return float64(us) / 1000 }
	if h.TotalCount() == 0 {
		return Latency{}
	}
	return Latency{
		Count: h.TotalCount(), Mean: h.Mean() / 1000,
		P50: ms(h.ValueAtQuantile(50)), P90: ms(h.ValueAtQuantile(90)), P99: ms(h.ValueAtQuantile(99)),
		P999: ms(h.ValueAtQuantile(99.9)), Max: ms(h.Max()),
	}
}

// Err is what was wrong with the run: a stream that did not open or did not stay,
// a message that was refused, lost, doubled, out of order or astray. nil is none.
func (r *Result) Err() error {
	var wrong []string
	say := func(n int64, what string) {
		if n > 0 {
			wrong = append(wrong, grouped(n)+" "+what)
		}
	}
	say(int64(r.Streams-r.Opened), "streams did not open")
	say(int64(r.ClosedByServer), "streams were closed by the server")
	say(int64(r.Refused), "messages were refused")
	say(int64(r.Doubtful), "messages had no good answer")
	say(r.Lost, "deliveries were lost")
	say(int64(r.Duplicated), "deliveries came twice")
	say(int64(r.Reordered), "deliveries came out of order")
	say(int64(r.Strayed), "deliveries went astray")
	if r.Return != nil {
		say(int64(r.Opened-r.Return.Streams), "streams did not catch up")
	}
	if len(wrong) == 0 {
		return nil
	}
	first := ""
	if r.FirstError != "" {
		first = "; the first trouble: " + r.FirstError
	}
	return fmt.Errorf("%s%s", strings.Join(wrong, ", "), first)
}

// WriteTo prints the result for people.
func (r *Result) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-12s "+format+"\n", append([]any{name}, args...)...)
	}
	line("streams", "%s in %s of %d; opened in %.2f s, %s a second", grouped(int64(r.Opened)), plural(r.Rooms, "room"), r.Streams, r.OpenSeconds, grouped(int64(r.OpenedPerSecond)))
	if r.Messages > 0 {
		line("messages", "%s of %d bytes from %s in %.2f s: %s a second", grouped(r.Messages), r.Size, plural(r.Writers, "writer"), r.PostSeconds, grouped(int64(r.PostsPerSecond)))
		line("deliveries", "%s of %s in %.2f s: %s a second", grouped(r.Deliveries), grouped(r.Expected), r.DeliverySeconds, grouped(int64(r.DeliveriesPerSec)))
		line("checked", "lost %d, doubled %d, reordered %d, astray %d, streams closed %d", r.Lost, r.Duplicated, r.Reordered, r.Strayed, r.ClosedByServer)
		if r.Delivery.Count > 0 {
			line("delivery", "%s", r.Delivery)
		}
		line("POST", "%s", r.Post)
	}
	if t := r.Return; t != nil {
		line("return", "%s streams caught up in %.2f s", grouped(int64(t.Streams)), t.Seconds)
		line("  each", "%s", t.CaughtUp)
		if t.PostMeanwhile != nil {
			line("  POST then", "%s", *t.PostMeanwhile)
		}
	}
	if s := r.Server; s != nil {
		if r.Messages > 0 {
			line("server CPU", "%.2f s: %.2f µs a delivery, %.1f µs a POST", s.CPUSeconds, s.CPUPerDelivery, s.CPUPerPost)
		}
		line("memory", "%.1f MB before, %.1f MB with the streams (%.2f KB each), %.1f MB after, %.1f MB at most", mb(s.ResidentBefore), mb(s.ResidentOpen), s.PerStream/1000, mb(s.ResidentAfter), mb(s.ResidentPeak))
		line("closing", "noticed in %.3f s, %d descriptors left", s.NoticedSeconds, s.LeftOpen)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (l Latency) String() string {
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, p99.9 %s, max %s", millis(l.P50), millis(l.P90), millis(l.P99), millis(l.P999), millis(l.Max))
}

func millis(ms float64) string {
	digits := 2
	if ms >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(ms, 'f', digits, 64) + " ms"
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped(int64(n)) + " " + what
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Progress is how far a run is.
type Progress struct {
	Phase string // opening, settling, sending, waiting, away, returning, closing
	Open  int    // streams
	// Behind is how many have not caught up after a return.
	Behind     int
	Messages   int64 // accepted so far
	Deliveries int64
	Elapsed    time.Duration // in this phase
}
