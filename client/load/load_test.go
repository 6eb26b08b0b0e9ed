package load_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/client/load"
)

func run(t *testing.T, f *fake, o load.Options) *load.Result {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o.Server, o.Settle = f.URL, -1
	if o.Patience == 0 {
		o.Patience = 500 * time.Millisecond
	}
	result, err := load.Run(t.Context(), o, nil)
	f.CloseClientConnections()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Everything is to hold with both ways of reading streams.
func TestMain(m *testing.M) {
	code := m.Run()
	if load.Portable(true); code == 0 && runtime.GOOS == "linux" {
		code = m.Run()
	}
	os.Exit(code)
}

func TestAGoodServer(t *testing.T) {
	for name, o := range map[string]load.Options{
		"one room":   {Streams: 20, Messages: 50},
		"many rooms": {Streams: 20, Rooms: 7, Messages: 60, Writers: 3},
		"at a rate":  {Streams: 5, Messages: 20, Rate: 500},
		"for a time": {Streams: 5, For: 50 * time.Millisecond, Rate: 200},
		"one reader": {Streams: 20, Messages: 20, Readers: 1},
		"large":      {Streams: 3, Messages: 20, Size: 5000},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, serve(t, &fake{}), o)
			if err := r.Err(); err != nil {
				t.Error(err)
			}
			if r.Opened != o.Streams || r.Messages == 0 || r.Deliveries != r.Expected || r.Delivery.Count != r.Deliveries || r.Post.Count != r.Messages {
				t.Errorf("%+v", r)
			}
			if o.Messages > 0 && r.Messages != int64(o.Messages) {
				t.Errorf("%d messages", r.Messages)
			}
			if o.Rooms == 0 && r.Expected != r.Messages*int64(o.Streams) {
				t.Errorf("expected %d", r.Expected)
			}
		})
	}
}

func TestABadServer(t *testing.T) {
	var kept string
	for name, tt := range map[string]struct {
		fake *fake
		want load.Result // of what is looked at below
		says string
	}{
		// A sum would find nothing wrong here.
		"one lost, one doubled": {
			&fake{deliver: func(stream, n int, frame string) []string {
				switch {
				case stream == 0 && n == 3:
					return nil
				case stream == 1 && n == 4:
					return lines(frame, frame)
				}
				return lines(frame)
			}}, load.Result{Lost: 1, Duplicated: 1}, "1 deliveries were lost, 1 deliveries came twice",
		},
		"the last is lost": {
			&fake{deliver: func(stream, n int, frame string) []string {
				if stream == 2 && n == 10 {
					return nil
				}
				return lines(frame)
			}}, load.Result{Lost: 1}, "lost",
		},
		"two change places": {
			&fake{deliver: func(stream, n int, frame string) []string {
				switch {
				case stream == 0 && n == 5:
					kept = frame
					return nil
				case stream == 0 && n == 6:
					return lines(frame, kept)
				}
				return lines(frame)
			}}, load.Result{Reordered: 1}, "out of order",
		},
		"a torn end": {
			&fake{deliver: func(stream, n int, frame string) []string {
				if stream == 0 && n == 10 {
					return []string{strings.TrimSuffix(frame, "\n")}
				}
				return lines(frame)
			}}, load.Result{Lost: 1}, "lost",
		},
		"a refusal": {
			&fake{status: func(n int) int {
				if n == 4 {
					return http.StatusTooManyRequests
				}
				return http.StatusCreated
			}}, load.Result{Refused: 1}, "refused; the first trouble: a POST was answered 429",
		},
		"an error that says nothing": {
			&fake{status: func(n int) int {
				if n == 4 {
					return http.StatusBadGateway
				}
				return http.StatusCreated
			}}, load.Result{Doubtful: 1}, "no good answer",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, serve(t, tt.fake), load.Options{Streams: 3, Messages: 10, Writers: 1})
			got := load.Result{Lost: r.Lost, Duplicated: r.Duplicated, Reordered: r.Reordered, Refused: r.Refused, Doubtful: r.Doubtful, Strayed: r.Strayed}
			if got != tt.want {
				t.Errorf("%+v", got)
			}
			if err := r.Err(); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v", err)
			}
		})
	}
}

func TestAstray(t *testing.T) {
	r := run(t, serve(t, &fake{deaf: true}), load.Options{Streams: 2, Rooms: 2, Messages: 10, Writers: 1})
	if r.Strayed != 5 || r.Lost != 5 {
		t.Errorf("%d astray, %d lost", r.Strayed, r.Lost)
	}
}

func TestSomeStreamsAreNotLetIn(t *testing.T) {
	r := run(t, serve(t, &fake{limit: 4}), load.Options{Streams: 6, Messages: 10})
	if r.Opened != 4 || r.Lost != 0 || r.Deliveries != 40 {
		t.Errorf("%+v", r)
	}
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("says %v", err)
	}
}

// A server of our protocol that cannot serve now says so in a stream. That comes
// before what else is wrong with it.
func TestAServerThatIsNotReady(t *testing.T) {
	const busy = "retry: 5000\nevent: bye\ndata: {\"reason\":\"busy\",\"reconnect\":true}\n"
	for name, tt := range map[string]struct{ ends, says string }{
		"busy":                {busy + "\n", "stream 0: the server is not ready"},
		"busy, and cut off":   {busy, "stream 0: the server ended the stream"},
		"ended for another":   {"event: bye\ndata: {\"reason\":\"drain\",\"reconnect\":true}\n\n", "stream 0: the server ended the stream"},
		"busy is no bye here": {"event: busy\ndata: {\"reason\":\"busy\"}\n\n", "stream 0: the server ended the stream"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{ends: tt.ends, status: func(int) int { return http.StatusServiceUnavailable }}
			// Before a return it is waited for what becomes of each stream.
			r := run(t, serve(t, f), load.Options{Streams: 1, Messages: 1, Return: true, Patience: 10 * time.Second})
			if err := r.Err(); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v", err)
			}
		})
	}
}

// What people say is not what the server says.
func TestWordsThatLookBusy(t *testing.T) {
	f := &fake{deliver: func(_, _ int, frame string) []string {
		return lines("event: bye\n\n" + strings.Replace(frame, "data: {", "data: {\"reason\":\"busy\",", 1))
	}}
	r := run(t, serve(t, f), load.Options{Streams: 3, Messages: 10})
	if err := r.Err(); err != nil || r.Deliveries != 30 {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestReturn(t *testing.T) {
	f := serve(t, &fake{})
	between := 0
	r := run(t, f, load.Options{
		Streams: 30, Rooms: 3, Messages: 60, Return: true, Patience: 2 * time.Second,
		Between: func(context.Context) error { between++; return nil },
	})
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if r.Return == nil || r.Return.Streams != 30 || r.Return.CaughtUp.Count != 30 || r.Deliveries != 600 || between != 1 || f.resumed != 30 {
		t.Errorf("%+v, return %+v, between %d, resumed %d", r, r.Return, between, f.resumed)
	}
	f = serve(t, &fake{})
	r = run(t, f, load.Options{Streams: 10, Messages: 20, Rate: 1000, Return: true, Patience: 2 * time.Second})
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	if r.Return == nil || r.Return.PostMeanwhile == nil {
		t.Errorf("%+v", r.Return)
	}
}

func TestBetweenFails(t *testing.T) {
	f := serve(t, &fake{})
	wrong := errors.New("no server came back")
	o := load.Options{Server: f.URL, Streams: 3, Messages: 3, Return: true, Settle: -1, Between: func(context.Context) error { return wrong }}
	if _, err := load.Run(t.Context(), o, nil); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
}

func TestTheEndOfTheContext(t *testing.T) {
	f := serve(t, &fake{})
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan load.Progress, 1)
	go func() {
		<-seen
		cancel()
	}()
	_, err := load.Run(ctx, load.Options{Server: f.URL, Streams: 5, For: time.Hour, Rate: 100, Settle: -1}, func(p load.Progress) {
		select {
		case seen <- p:
		default:
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	f.CloseClientConnections()
}

func TestStalledStreamsAreLeftAlone(t *testing.T) {
	r := run(t, serve(t, &fake{}), load.Options{Streams: 10, Stalled: 3, Messages: 20})
	if r.Expected != 7*20 || r.Deliveries != 7*20 || r.Err() != nil {
		t.Errorf("%+v", r)
	}
}

func TestOwnProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes can be looked at on Linux only")
	}
	r := run(t, serve(t, &fake{}), load.Options{Streams: 10, Messages: 20, Pids: []int{1}})
	if r.Server == nil || r.Server.ResidentOpen <= 0 {
		t.Errorf("%+v", r.Server)
	}
}

func TestOptions(t *testing.T) {
	const server = "http://127.0.0.1:1"
	for name, tt := range map[string]struct {
		o    load.Options
		says string
	}{
		"no server":         {load.Options{}, "no server"},
		"another scheme":    {load.Options{Server: "ftp://x"}, "no server"},
		"a relative path":   {load.Options{Server: server, Sub: "x"}, "no path"},
		"a split path":      {load.Options{Server: server, Pub: "/x y"}, "no path"},
		"a small message":   {load.Options{Server: server, Size: 10}, "mark"},
		"too many stalled":  {load.Options{Server: server, Streams: 3, Stalled: 4}, "stalled"},
		"idle and back":     {load.Options{Server: server, Idle: true, Return: true}, "come back"},
		"a forged header":   {load.Options{Server: server, PubHeaders: []string{"a: b\r\nc: d"}}, "no header"},
		"an odd protocol":   {load.Options{Server: server, Protocol: "mqtt"}, "unknown protocol"},
		"fewer than none":   {load.Options{Server: server, Streams: -1}, "above zero"},
		"a negative rate":   {load.Options{Server: server, Rate: -1}, "below zero"},
		"socket.io is back": {load.Options{Server: server, Protocol: load.SocketIO, Return: true}, "last ID"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.o.Check(); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("says %v", err)
			}
			if _, err := load.Run(t.Context(), tt.o, nil); err == nil {
				t.Error("it ran")
			}
		})
	}
}
