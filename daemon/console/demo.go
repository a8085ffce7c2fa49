package console

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"gongji/settle"
)

// DemoPrefix is where the demo's controls live; all of them are POST behind the guard.
const DemoPrefix = Prefix + "demo/"

// maxDemoBody is far above any request of the demo.
const maxDemoBody = 4 << 10

// DemoCard is a card that can be put into the virtual reader.
type DemoCard struct {
	ID    string `json:"id"`
	Label string `json:"label"` // whose it is, in words
	// Number is the invented holder's identity number, for forms that ask for it; empty: none is shown.
	Number string `json:"number,omitempty"`
}

// DemoControls are the hands that a demo needs at the counter. Methods may be called from any goroutine; their errors
// are shown to whoever plays.
type DemoControls interface {
	// Cards lists the cards at hand.
	Cards() []DemoCard
	// Insert puts a card into the reader in place of the one that is there; ErrNoSuchCard for an unknown id.
	Insert(id string) error
	// Remove takes the card out.
	Remove() error
	// Unplug pulls the reader's cable; Replug puts it back.
	Unplug() error
	Replug() error
	// SetCentre lets the sandbox centre answer, or fall silent.
	SetCentre(up bool) error
}

// ErrNoSuchCard is Insert's error for a card that the demo does not have.
var ErrNoSuchCard = errors.New("the demo has no such card")

// demoActions are the routes, by the last part of the path.
var demoActions = map[string]func(d DemoControls, body demoRequest) (any, error){
	"cards": func(d DemoControls, _ demoRequest) (any, error) {
		return struct {
			Cards []DemoCard `json:"cards"`
		}{append([]DemoCard{}, d.Cards()...)}, nil
	},
	"insert": func(d DemoControls, b demoRequest) (any, error) {
		if b.ID == nil {
			return nil, badField("id", "须写明卡的编号", "the card's id is needed")
		}
		return done(d.Insert(*b.ID))
	},
	"remove": func(d DemoControls, _ demoRequest) (any, error) { return done(d.Remove()) },
	"unplug": func(d DemoControls, _ demoRequest) (any, error) { return done(d.Unplug()) },
	"replug": func(d DemoControls, _ demoRequest) (any, error) { return done(d.Replug()) },
	"centre": func(d DemoControls, b demoRequest) (any, error) {
		if b.Up == nil {
			return nil, badField("up", "须为 true 或 false", "true or false is needed")
		}
		return done(d.SetCentre(*b.Up))
	},
}

// demoRequest is the body of every demo request; each action needs its own part.
type demoRequest struct {
	ID *string `json:"id,omitempty"`
	Up *bool   `json:"up,omitempty"`
}

func done(err error) (any, error) {
	if errors.Is(err, ErrNoSuchCard) {
		return nil, badField("id", "没有这张卡", "the demo has no such card")
	}
	return struct{}{}, err
}

func serveDemo(w http.ResponseWriter, r *http.Request, d DemoControls) {
	w.Header().Set("Cache-Control", "no-store")
	action, known := demoActions[strings.TrimPrefix(r.URL.Path, DemoPrefix)]
	if !known {
		refuse(w, notFound())
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		refuse(w, wrongMethod())
		return
	}
	body, err := readDemo(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	answer, err := action(d, body)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the browser hung up; there is nobody to tell
}

// readDemo reads the body strictly. An empty body is an empty request.
func readDemo(w http.ResponseWriter, r *http.Request) (demoRequest, error) {
	var body demoRequest
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return body, settle.NewError(settle.UnsupportedMedia, nil)
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxDemoBody))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&body); {
	case errors.As(err, new(*http.MaxBytesError)):
		return body, settle.NewError(settle.TooLarge, nil)
	case errors.Is(err, io.EOF):
		return body, nil
	case err != nil:
		return body, badField("", "请求不是有效的 JSON", "the body is not the JSON that is expected")
	}
	return body, nil
}
