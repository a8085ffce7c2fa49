// Package console is the page at /console/ that a cashier looks at all day: the card in the reader, a bill, how it would
// be split and why, settling, and what became of it. Beside the counter it has pages, chosen in a menu: today's
// settlements with slips and returns, accounts and bindings of the card in the reader, a relative's contribution, the
// region's guidance and the daemon's health; and for a manager records, reports, reconciliation, the work list and signed
// files.
//
// The page is embedded, needs no network but loopback, and is a client of the daemon's own HTTP API like any till: what
// it shows came through GET and POST /v1/… with a bearer token. The files themselves hold nothing secret and are open;
// everything else under /console/ is behind the guard of the API (see [Open]).
//
// # Decisions
//
// No framework: the page is some small modules that a browser runs as they are, so nothing is built, nothing is
// fetched, and the strict content policy needs no exception. They keep to what browsers of 2022 know (Chromium 100), since
// tills on old Windows never get newer ones.
//
// The token comes in the fragment of the address (#token=…), which a browser never sends to a server, is taken out of
// the address bar at once, and is kept in the page's memory only: nothing of a sale stays in the browser.
//
// The page makes one sale_id for each bill and keeps it until the bill is done, whatever happens in between, so that a
// lost answer can be asked for again and can never become a second settlement.
//
// A page is offered where the daemon's own OpenAPI document has the routes that it needs, and a manager's page to a manager's
// token only, so no entry of the menu leads nowhere. Each page is one module under static/pages.
//
// Whatever changes something outside a sale takes two steps: first the fields, then in plain words what will be sent. Where
// the daemon can, it checks the request at the first step and gives a digest, which the second step sends back.
//
// Events are read as a stream with fetch, since the browser's EventSource cannot send the token in a header. An event
// only tells the page to look again; what it shows is always a whole answer of the API, so a lost event loses nothing.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var static embed.FS

// Prefix is where the console lives.
const Prefix = "/console/"

// contentPolicy lets the page run its own files and talk to its own origin, and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options say what the console offers.
type Options struct {
	// Demo is set in the demo only; the routes under /console/demo/ exist only then.
	Demo DemoControls
	// Version is shown in the page's help.
	Version string
}

// Open reports whether a path is one of the static files, which need no token. Every other path of the console, also
// one that does not exist, belongs behind the guard.
func Open(urlPath string) bool {
	_, known := files[urlPath]
	return known || urlPath == strings.TrimSuffix(Prefix, "/")
}

// file is a static file ready to be served.
type file struct {
	kind string // content type
	data []byte
	tag  string // entity tag
}

// files are the static files by URL path; the page itself is "/console/".
var files = load()

var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func load() map[string]file {
	found := map[string]file{}
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		kind, known := kinds[path.Ext(name)]
		if !known {
			return fmt.Errorf("console: no content type for %s", name)
		}
		data, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		url := Prefix + strings.TrimPrefix(name, "static/")
		found[strings.TrimSuffix(url, "index.html")] = file{kind, data, tagOf(data)}
		return nil
	})
	if err != nil { // the files are part of the program
		panic(err)
	}
	return found
}

func tagOf(data []byte) string {
	sum := sha256.Sum256(data)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// Handler serves everything under /console. Whoever mounts it puts its guard in front of all paths that are not [Open].
func Handler(o Options) http.Handler {
	page := file{kind: kinds[".html"], data: render(o)}
	page.tag = tagOf(page.data)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		f, known := files[r.URL.Path]
		switch {
		case r.URL.Path == Prefix:
			page.serve(w, r, "no-store")
		case known:
			f.serve(w, r, "no-cache")
		case r.URL.Path == strings.TrimSuffix(Prefix, "/"):
			redirect(w, r)
		case o.Demo != nil && strings.HasPrefix(r.URL.Path, DemoPrefix):
			serveDemo(w, r, o.Demo)
		default:
			refuse(w, notFound())
		}
	})
}

// render fills the page in: whether the demo's controls exist, and the version.
func render(o Options) []byte {
	page := template.Must(template.New("page").Parse(string(files[Prefix].data)))
	var text bytes.Buffer
	err := page.Execute(&text, struct {
		Demo    bool
		Version string
	}{o.Demo != nil, o.Version})
	if err != nil { // the template is part of the program
		panic(err)
	}
	return text.Bytes()
}

// secure sets the headers of every answer. The referrer policy also keeps the browser from sending a Referer, which the
// API's guard would have to judge.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
}

// serve answers with the file, or 304 where the browser has it. The page itself is not stored; its parts may be, but
// are asked for each time, so that an update of the daemon is an update of the page.
func (f file) serve(w http.ResponseWriter, r *http.Request, caching string) {
	if !reads(w, r) {
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", caching)
	w.Header().Set("ETag", f.tag)
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.data) // the browser hung up; there is nobody to tell
	}
}

func redirect(w http.ResponseWriter, r *http.Request) {
	if reads(w, r) {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, Prefix, http.StatusFound)
	}
}

// reads reports whether the request only reads, and refuses it otherwise.
func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	refuse(w, wrongMethod())
	return false
}
