package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// A frame is one block of a stream, as the standard reads it: it counts only once
// its empty line has come, and its id only with it. The tests read streams with
// this and not with a client library, because what they look for is what a
// library might forgive.
type frame struct {
	id, event, data string
}

// readFrames reads blocks from r until it ends or yield gives false. A torn last
// block is not one.
func readFrames(r io.Reader, yield func(frame) bool) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var f frame
	var data []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			f.data = strings.Join(data, "\n")
			if f != (frame{}) && !yield(f) {
				return nil
			}
			f, data = frame{}, nil
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			f.id = value
		case "event":
			f.event = value
		case "data":
			data = append(data, value)
		}
	}
}

// open opens a stream. The caller closes its body.
func open(ctx context.Context, url, connection, last string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if connection != "" {
		req.Header.Set("Connection-ID", connection)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("a stream was answered %s", resp.Status)
	}
	return resp, nil
}

// post says something and gives the status and the body of the answer.
func post(ctx context.Context, url, connection, key, body string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "text/plain")
	if connection != "" {
		req.Header.Set("Connection-ID", connection)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}
