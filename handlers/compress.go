package handlers

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// compress gives a file of the page as it goes to who asked: in gzip where that is
// taken, a third of the bytes. It says so in the header; what it has compressed
// once it keeps. Nothing else is compressed: a stream would be held back by it, and
// what people say beside what they do not know would tell of it by its length.
func (p page) compress(w http.ResponseWriter, r *http.Request, content []byte) []byte {
	w.Header().Add("Vary", "Accept-Encoding")
	if !takesGzip(r.Header.Values("Accept-Encoding")) {
		return content
	}
	w.Header().Set("Content-Encoding", "gzip")
	name := etag(content)
	if kept, ok := p.zipped.Load(name); ok {
		return kept.([]byte)
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one
	_, _ = z.Write(content)                               // a buffer takes all
	_ = z.Close()
	p.zipped.Store(name, b.Bytes())
	return b.Bytes()
}

// takesGzip reads Accept-Encoding. An asterisk is not taken for it: curl means it
// only with --compressed, and then says so.
func takesGzip(accept []string) bool {
	for coding := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, params, _ := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, given := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
		weight, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !given || err == nil && weight > 0
	}
	return false
}
