package localapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"gongji/settle"
)

// readBody takes the request's body in; nil where the request has none. It refuses a request that a web page could send
// without asking (any content type but JSON), and a body that is too large. UNSUPPORTED_MEDIA, TOO_LARGE, BAD_REQUEST, and
// FORBIDDEN where only a manager may send a large body.
func (g *guard) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return nil, nil
	case http.MethodDelete:
		if r.ContentLength == 0 {
			return nil, nil
		}
	}
	if !isJSON(r.Header.Get("Content-Type")) || r.Header.Get("Content-Encoding") != "" {
		return nil, settle.NewError(settle.UnsupportedMedia, nil)
	}
	limit, err := bodyLimit(callOf(r.Context()))
	if err != nil {
		return nil, err
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(g.bodyTimeout))
	room := bytes.NewBuffer(make([]byte, 0, min(max(r.ContentLength, 0), maxRoom)+bytes.MinRead))
	conn := connOf(r.Context())
	if conn != nil {
		conn.awaits()
	}
	_, err = room.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if conn != nil && !conn.took() && err == nil {
		err = net.ErrClosed // nobody would hear the answer
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, settle.NewError(settle.TooLarge, nil).With("limit", limit)
	}
	if err != nil {
		// The deadline stays, so that the server does not wait for the rest before it hangs up.
		w.Header().Set("Connection", "close")
		return nil, malformed("请求内容没有收全。", "the body did not arrive whole")
	}
	// The deadline must go once the body is in: the server keeps reading to notice a client that leaves, and a deadline met
	// there would end a request that waits for a card.
	_ = control.SetReadDeadline(time.Time{})
	return room.Bytes(), nil
}

// maxRoom is the most memory that a caller gets for saying how much is to come.
const maxRoom = 16 << 10

// isJSON reports whether a content type is JSON in UTF-8.
func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	kind, params, err := mime.ParseMediaType(contentType)
	charset := strings.ToLower(params["charset"])
	return err == nil && kind == "application/json" && (charset == "" || charset == "utf-8")
}

// putBody checks the form of a body and puts it back for the handler. It refuses one that is too deep, a member given twice, and
// anything that is not exactly one JSON value. BAD_REQUEST.
func putBody(r *http.Request, body []byte) error {
	if err := checkJSON(body); err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return nil
}

// malformedError is BAD_REQUEST about the document as a whole, answered with 400 instead of 422.
type malformedError struct{ cause *settle.Error }

func (m malformedError) Error() string { return m.cause.Error() }
func (m malformedError) Unwrap() error { return m.cause }

func malformed(message, detail string) error {
	e := settle.NewError(settle.BadRequest, nil)
	e.Fields = []settle.FieldFault{{Field: "", Message: message, Detail: detail}}
	return malformedError{e}
}
