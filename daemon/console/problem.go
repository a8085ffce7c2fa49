package console

import (
	"encoding/json"
	"errors"
	"net/http"

	"gongji/settle"
)

// problem is an RFC 9457 document with the members of the API's problems, for the few refusals of the console itself.
type problem struct {
	Type      string              `json:"type"`
	Title     string              `json:"title"`
	Status    int                 `json:"status"`
	Detail    string              `json:"detail,omitempty"`
	Code      settle.Code         `json:"code"`
	Message   string              `json:"message"`
	Hint      string              `json:"hint,omitempty"`
	Retryable bool                `json:"retryable"`
	Fields    []settle.FieldFault `json:"fields,omitempty"`
}

// refuse answers with a problem. An error without a code is the demo's own trouble and is told in its words, since only
// the demo's controls make such errors.
func refuse(w http.ResponseWriter, err error) {
	p := problem{Type: "about:blank", Status: http.StatusInternalServerError, Title: "The demo could not do it.",
		Code: "DEMO_FAILED", Message: "演示操作没有成功。", Hint: "请再试一次，或重新启动演示。", Detail: err.Error(), Retryable: true}
	var coded *settle.Error
	if errors.As(err, &coded) {
		sentence := settle.SentenceOf(coded)
		p = problem{Type: "about:blank", Status: sentence.Status, Title: sentence.English, Code: coded.Code,
			Message: sentence.Message, Hint: sentence.Hint, Retryable: sentence.Retryable, Fields: coded.Fields}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the browser hung up; there is nobody to tell
}

func notFound() error    { return settle.NewError(settle.NotFound, nil) }
func wrongMethod() error { return settle.NewError(settle.MethodNotAllowed, nil) }

func badField(field, message, detail string) error {
	return &settle.Error{Code: settle.BadRequest, Fields: []settle.FieldFault{{Field: field, Message: message, Detail: detail}}}
}
