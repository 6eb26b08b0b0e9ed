package client

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options are what a Client is made of. The zero value is useful: a back end
// that shows no key.
type Options struct {
	// Key is shown as a bearer token with every request; "" shows none.
	Key string

	// ConnectionID makes the client a member, the same one for everything it
	// says and hears; see [NewConnectionID]. Who holds it speaks as this client,
	// so it is a secret; it travels as a header. With "" each Listen is a member
	// of its own, Send speaks as a back end, and what is about one's own member
	// ([Client.Join], [Client.Leave], [Client.Describe], [Client.Reply]) is refused.
	ConnectionID string

	// HTTPClient carries the requests; nil means one of our own. Its Timeout
	// bounds each try of a call but never a stream. Redirects to another host
	// are refused unless it has a CheckRedirect, since the connection ID would
	// go there too.
	HTTPClient *http.Client

	// Logger hears of reconnects and repeats; nil means nobody does. Payloads,
	// keys and connection IDs are never logged.
	Logger *slog.Logger
}

// A Client speaks to one server. All methods may be called at once.
type Client struct {
	base    string // without a trailing slash
	key     string
	id      string
	log     *slog.Logger
	sends   *http.Client
	streams *http.Client

	names nicknames
}

// New makes a client of the server at base, an http or https URL with the path
// that the server is mounted under, if any. It connects to nothing yet.
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the server's URL cannot be read: %w", errors.Unwrap(err))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("the server's URL is http://host or https://host, with a path where it has one")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the server's URL has no user, query or fragment")
	}
	if !visible(o.Key) || !visible(o.ConnectionID) {
		return nil, errors.New("a key and a connection ID have visible ASCII characters only")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	sends := &http.Client{}
	if o.HTTPClient != nil {
		*sends = *o.HTTPClient
	} else {
		sends.Transport = newTransport()
	}
	if sends.CheckRedirect == nil {
		sends.CheckRedirect = stayHome
	}
	streams := *sends
	streams.Timeout = 0 // it would cut a healthy stream at that age
	return &Client{
		base: strings.TrimRight(u.String(), "/"),
		key:  o.Key, id: o.ConnectionID, log: o.Logger,
		sends: sends, streams: &streams,
	}, nil
}

// visible reports whether a header can hold s as it is.
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// newTransport is the standard one, but for a network that died silently under
// HTTP/2: its one connection would be taken again for every reopening.
func newTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second}
	return t
}

// stayHome follows redirects on the same host only, and never from https to http.
// The standard rule drops Authorization on the way to a stranger, but not the
// connection ID, which is as much a secret.
func stayHome(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	if req.URL.Host != first.Host || first.Scheme == "https" && req.URL.Scheme != "https" {
		return errAstray
	}
	if len(via) >= 10 {
		return errCircle
	}
	return nil
}

var (
	errAstray = errors.New("the server redirects to another host")
	errCircle = errors.New("the server redirects too often")
)

// Close closes the connections that are idle. Streams and sends under way go on:
// they end with their contexts.
func (c *Client) Close() { c.sends.CloseIdleConnections() }

// NewConnectionID makes a connection ID of 130 random bits. A program that wants
// to be the same member after a restart keeps it, as it would keep a password.
func NewConnectionID() string { return rand.Text() }

// identify puts who we are on a request, in headers, since queries end up in the
// logs of proxies.
func (c *Client) identify(set func(name, value string), connection string) {
	if c.key != "" {
		set("Authorization", "Bearer "+c.key)
	}
	if connection != "" {
		set("Connection-ID", connection)
	}
}

// target is the URL of a namespace, or of something of it. Rooms go into the
// query, because some proxies refuse or rewrite encoded paths.
func (c *Client) target(namespace, path string, q url.Values) string {
	s := c.base + "/" + url.PathEscape(namespace) + path
	if encoded := q.Encode(); encoded != "" {
		s += "?" + encoded
	}
	return s
}

// discard reads a little of a body that nobody wants, so that its connection can
// be used again, and closes it.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}
