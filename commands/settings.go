package commands

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parley/events"
)

// settings are everything that serve can be told, and that check checks.
type settings struct {
	Config string `placeholder:"FILE" help:"A YAML file with these settings by their flags' names. The environment counts before it, a flag before both. ($$PARLEY_CONFIG)"`

	Listen     string `setting:"file" default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Where to listen: host:port, or unix:/path. Sockets from systemd take its place. Default: ${default}."`
	SocketMode mode   `setting:"file" default:"0660" help:"Permissions of a unix socket."`
	OpsListen  string `setting:"file" default:"127.0.0.1:8081" placeholder:"ADDRESS" help:"Where metrics are served to whoever can connect; none turns it off. Default: ${default}."`
	BasePath   string `setting:"file" placeholder:"/PATH" help:"The path that everything is mounted under."`

	Data     string `setting:"file" default:"parley-data" placeholder:"DIR" help:"The directory of the log. Default: ${default}."`
	Memory   bool   `setting:"file" help:"Keep the log in memory: it ends with the process."`
	NewEpoch bool   `help:"Start every namespace on a new epoch. Once, after the directory was brought back from a copy of a file system."`

	Key         string   `setting:"file" placeholder:"SECRET" help:"The bearer token that may do everything. Other users of the machine can read a flag; prefer the environment or the file."`
	AllowOrigin []string `setting:"file" placeholder:"ORIGIN" help:"Another origin whose pages may read and write, such as https://app.example; * is every one. May be repeated."`

	KeepAge       age   `setting:"file" default:"7d" help:"How old an event may get."`
	KeepEvents    count `setting:"file" default:"10000" help:"How many events a room keeps."`
	KeepBytes     size  `setting:"file" default:"1GiB" help:"How much a namespace keeps."`
	MaxDisk       size  `setting:"file" default:"10GiB" help:"How much all namespaces keep together; the oldest goes first."`
	Reserve       size  `setting:"file" default:"256MiB" help:"How much of the disk stays free: with less, nothing more is kept until there is room. At least 32MiB."`
	MaxNamespaces count `setting:"file" default:"10000" help:"How many namespaces there may be."`
	WindowMemory  size  `setting:"file" default:"256MiB" help:"About how much memory the newest events of all rooms that are listened to may take; older ones are read from the log."`

	OpenNamespaces bool       `setting:"file" default:"true" negatable:"" help:"Whether a namespace that is not declared is there all the same, as soon as somebody names it."`
	Namespaces     namespaces `setting:"file" placeholder:"YAML" help:"What holds in single namespaces, by name or pattern: {acme: {keep-age: 30d}, tenant-*: {streams: 100}}."`

	Grace     time.Duration `setting:"file" default:"10s" help:"How long a member may be gone before it has left."`
	Heartbeat time.Duration `setting:"file" default:"15s" help:"After so long a silence a stream is shown that the server is there; 5s to 60s."`
	Drain     time.Duration `setting:"file" default:"10s" help:"How long an orderly end may take."`
	LogLevel  slog.Level    `setting:"file" default:"info" help:"debug, info, warn or error."`
}

// A mode is the permissions of a file, in octal.
type mode fs.FileMode

// UnmarshalText reads 0660 or 660.
func (m *mode) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("%q are no permissions: give them in octal, such as 0660", text)
	}
	*m = mode(n)
	return nil
}

func (m mode) String() string { return fmt.Sprintf("%04o", uint32(m)) }

// check finds everything that cannot be, in the settings alone: it looks at
// nothing on the machine. What can be written in two ways it writes in one.
func (s *settings) check() error {
	var wrong []error
	refuse := func(flag, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("--"+flag+": "+format, args...))
	}
	if err := checkAddress(s.Listen); err != nil {
		refuse("listen", "%w", err)
	}
	if s.OpsListen == "" {
		s.OpsListen = none
	}
	if s.OpsListen != none {
		if err := checkAddress(s.OpsListen); err != nil {
			refuse("ops-listen", "%w", err)
		}
		if s.OpsListen == s.Listen && !strings.HasSuffix(s.Listen, ":0") {
			refuse("ops-listen", "%s is where everybody is served", s.OpsListen)
		}
	}
	if s.BasePath = strings.TrimRight(s.BasePath, "/"); s.BasePath != "" {
		u, err := url.Parse(s.BasePath)
		if err != nil || !strings.HasPrefix(s.BasePath, "/") || u.EscapedPath() != s.BasePath || u.Host != "" || strings.Contains(s.BasePath, "//") || strings.Contains(s.BasePath+"/", "/./") || strings.Contains(s.BasePath+"/", "/../") {
			refuse("base-path", "%q is no path such as /chat", s.BasePath)
		}
	}
	if !s.Memory && s.Data == "" {
		refuse("data", "name a directory, or keep the log in memory with --memory")
	}
	if s.Reserve < leastReserve {
		refuse("reserve", "at least 32MiB have to stay free for the log's own work")
	}
	if s.Memory && s.NewEpoch {
		refuse("new-epoch", "a log in memory always starts on a new epoch")
	}
	for _, c := range s.Key {
		if c <= ' ' || c > '~' {
			refuse("key", "a key has visible ASCII characters only, since it travels in a header")
			break
		}
	}
	for _, o := range s.AllowOrigin {
		if err := checkOrigin(o); err != nil {
			refuse("allow-origin", "%w", err)
		}
	}
	if len(s.AllowOrigin) > 1 {
		for _, o := range s.AllowOrigin {
			if o == "*" {
				refuse("allow-origin", "* is every origin already; it stands alone")
			}
		}
	}
	if s.Heartbeat < 5*time.Second || s.Heartbeat > time.Minute {
		refuse("heartbeat", "%s is not between 5s and 60s", s.Heartbeat)
	}
	if s.Grace <= 0 || s.Grace > time.Hour {
		refuse("grace", "%s is not above 0 and at most 1h", s.Grace)
	}
	if !s.OpenNamespaces && len(s.Namespaces) == 0 {
		refuse("open-namespaces", "no namespace would be there: declare some with --namespaces")
	}
	if s.Drain < time.Second {
		refuse("drain", "%s is less than a second", s.Drain)
	}
	return errors.Join(wrong...)
}

// checkOrigin wants an origin as a browser names it, since the two are compared
// as text.
func checkOrigin(o string) error {
	if o == "*" {
		return nil
	}
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != o || o != strings.ToLower(o) {
		return fmt.Errorf("%q is no origin: give scheme, host and port in lower case and nothing after, such as https://app.example", o)
	}
	if p := u.Port(); u.Scheme == "http" && p == "80" || u.Scheme == "https" && p == "443" {
		return fmt.Errorf("%q: a browser leaves out the usual port", o)
	}
	return nil
}

// leastReserve is what the log on disk needs in any case.
const leastReserve = 32 << 20

// keep is what the log is told to retain.
func (s *settings) keep() events.Keep {
	return events.Keep{
		Age:        time.Duration(s.KeepAge),
		Events:     int(s.KeepEvents),
		Bytes:      int64(s.KeepBytes),
		Disk:       int64(s.MaxDisk),
		Namespaces: int(s.MaxNamespaces),
	}
}
