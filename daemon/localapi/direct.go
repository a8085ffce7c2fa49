package localapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// A quote and a settlement are what a counter waits for. Their bodies are read in one pass (see form) and answered here, past
// huma, which would read each three times over. huma still has them in its document, and gets every request that is not in
// perfect order: it knows how to name what is wrong. An answer is the same, byte for byte, whichever way it came.

// handler answers a body; false: it made nothing of it, did nothing, and huma is to look.
type handler func(ctx context.Context, body []byte) (*reply, bool)

// reply is an answer before it is written.
type reply struct {
	status int
	kind   string // content type; empty: application/json
	replay string // Idempotent-Replay; empty: none
	body   any
}

// direct lets handle have the operation's requests first.
func (s *Server) direct(op huma.Operation, handle handler) {
	s.handlers[op.Method+" "+op.Path] = handle
}

// refusal is the reply of an operation that failed.
func (s *Server) refusal(ctx context.Context, err error) *reply {
	p := s.fail(ctx, err)
	return &reply{status: p.Status, kind: problemType, body: p}
}

// answerDirectly answers a request past huma where it can. A query is huma's business.
func (s *Server) answerDirectly(w http.ResponseWriter, r *http.Request, pattern string, body []byte) bool {
	handle := s.handlers[pattern]
	if handle == nil || r.URL.RawQuery != "" || len(body) >= maxBodyBytes {
		return false
	}
	answer, ok := handle(r.Context(), body)
	if ok {
		answer.write(w)
	}
	return ok
}

// encodings are buffers for answers on their way out.
var encodings = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// largestKept is the largest buffer that is kept for another answer.
const largestKept = 64 << 10

func (a *reply) write(w http.ResponseWriter) {
	text := encodings.Get().(*bytes.Buffer)
	defer func() {
		if text.Cap() <= largestKept {
			text.Reset()
			encodings.Put(text)
		}
	}()
	encoder := json.NewEncoder(text)
	encoder.SetEscapeHTML(false)                   // as huma writes
	if err := encoder.Encode(a.body); err != nil { // answers are plain texts and numbers
		panic("localapi: answer does not encode: " + err.Error())
	}
	header := w.Header()
	if a.kind == "" {
		a.kind = "application/json"
	}
	header.Set("Content-Type", a.kind)
	if a.replay != "" {
		header.Set("Idempotent-Replay", a.replay)
	}
	header.Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(a.status)
	_, _ = w.Write(text.Bytes()) // a client that left needs no answer
}
