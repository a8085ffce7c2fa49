package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gongji/settle"
)

// player is a demo without a reader: it notes what it was asked for.
type player struct {
	did   []string
	fault error
}

func (p *player) note(what string) error { p.did = append(p.did, what); return p.fault }
func (p *player) Cards() []DemoCard {
	return []DemoCard{{ID: "wang", Label: "王芳"}, {ID: "li", Label: "李敏"}}
}
func (p *player) Remove() error { return p.note("remove") }
func (p *player) Unplug() error { return p.note("unplug") }
func (p *player) Replug() error { return p.note("replug") }
func (p *player) SetCentre(up bool) error {
	return p.note(map[bool]string{true: "up", false: "down"}[up])
}
func (p *player) Insert(id string) error {
	if id != "wang" {
		return ErrNoSuchCard
	}
	return p.note("insert " + id)
}

var _ DemoControls = (*player)(nil)

func do(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestFilesAreServed(t *testing.T) {
	h := Handler(Options{})
	for _, c := range []struct{ path, kind, caching string }{
		{"/console/", "text/html; charset=utf-8", "no-store"},
		{"/console/main.js", "text/javascript; charset=utf-8", "no-cache"},
		{"/console/style.css", "text/css; charset=utf-8", "no-cache"},
		{"/console/icon.svg", "image/svg+xml", "no-cache"},
	} {
		w := do(h, "GET", c.path, "")
		tag := w.Header().Get("ETag")
		if w.Code != 200 || w.Body.Len() == 0 || w.Header().Get("Content-Type") != c.kind || w.Header().Get("Cache-Control") != c.caching || tag == "" {
			t.Errorf("%s: %d, %d bytes, %v", c.path, w.Code, w.Body.Len(), w.Header())
		}
		if w := do(h, "GET", c.path, "", "If-None-Match", tag); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("%s again: %d", c.path, w.Code)
		}
		if w := do(h, "HEAD", c.path, ""); w.Code != 200 || w.Body.Len() != 0 {
			t.Errorf("%s HEAD: %d", c.path, w.Code)
		}
		if w := do(h, "POST", c.path, "{}"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s POST: %d", c.path, w.Code)
		}
	}
	if w := do(h, "GET", "/console", ""); w.Code != 302 || w.Header().Get("Location") != "/console/" {
		t.Errorf("redirect: %d %s", w.Code, w.Header().Get("Location"))
	}
}

// TestEveryAnswerIsGuarded: also errors and redirects carry the policy.
func TestEveryAnswerIsGuarded(t *testing.T) {
	h := Handler(Options{Demo: &player{}})
	for _, target := range []string{"/console", "/console/", "/console/main.js", "/console/none.js", "/console/demo/cards", "/console/demo/none"} {
		w := do(h, "GET", target, "")
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") ||
			w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", target, w.Header())
		}
	}
}

func TestOpen(t *testing.T) {
	for path, want := range map[string]bool{
		"/console": true, "/console/": true, "/console/main.js": true, "/console/style.css": true,
		"/console/index.html": false, "/console/demo/cards": false, "/console/demo/": false, "/console/none.js": false,
		"/console/../v1/reader": false, "/v1/reader": false, "": false,
	} {
		if got := Open(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	for path := range files {
		if !Open(path) {
			t.Errorf("%s is not open", path)
		}
	}
}

// TestPageHoldsNoInlineCode: the policy would block it, so it would be a mistake that only a browser shows.
func TestPageHoldsNoInlineCode(t *testing.T) {
	for name, pattern := range map[string]string{
		"script": `<script(?:\s[^>]*)?>[^<]`, "style element": `<style`, "style attribute": `\sstyle=`, "handler": `\son[a-z]+=`, "far address": `(?:href|src)="(?:https?:)?//`,
	} {
		if found := regexp.MustCompile(pattern).Find(files[Prefix].data); found != nil {
			t.Errorf("%s: %s", name, found)
		}
	}
	for path, f := range files {
		text := strings.ReplaceAll(string(f.data), "http://www.w3.org/2000/svg", "") // a name, not an address
		if strings.Contains(text, "innerHTML") || strings.Contains(text, "localStorage") || strings.Contains(text, "sessionStorage") || strings.Contains(text, "document.cookie") {
			t.Errorf("%s writes markup or keeps state in the browser", path)
		}
		if path != Prefix+"icon.svg" && regexp.MustCompile(`https?://`).MatchString(text) {
			t.Errorf("%s names an address outside", path)
		}
	}
}

// TestWordsAreComplete: every key that the page uses has words, and every word is used.
func TestWordsAreComplete(t *testing.T) {
	words := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)(?:^  |\], |^    )(\w+): \[`).FindAllStringSubmatch(string(files[Prefix+"words.js"].data)+string(files[Prefix+"words_pages.js"].data), -1) {
		if words[m[1]] {
			t.Errorf("the words %q are written twice", m[1])
		}
		words[m[1]] = true
	}
	if len(words) < 300 {
		t.Fatalf("found %d words", len(words))
	}
	used := map[string]bool{}
	use := regexp.MustCompile("\\bt\\(\"(\\w+)\"|data-t=\"(\\w+)\"|\"data-t\": \"(\\w+)\"|data-label=\"(\\w+)\"|data-hint=\"(\\w+)\"|\"data-hint\": \"(\\w+)\"|" +
		"\\b(?:panel|button|field|choose|tick|small)\\(\"(\\w+)\"|\\btold\\([\\w.]+, \"(\\w+)\"|\\[\"\\w*\", \"\", \"(\\w+)\"\\]|\\[\"(\\w+)\", \"[a-z -]*\", (?:\\(\\w*\\) =>|[a-z]+\\])")
	prefix := regexp.MustCompile("`([a-z]+_)\\$\\{")
	var families []string
	for path, f := range files {
		if strings.HasPrefix(path, Prefix+"self/") { // the self-service page has words of its own
			continue
		}
		for _, m := range use.FindAllStringSubmatch(string(f.data), -1) {
			used[strings.Join(m[1:], "")] = true
			if key := strings.Join(m[1:], ""); !words[key] {
				t.Errorf("%s uses %q, which has no words", path, key)
			}
		}
		for _, m := range prefix.FindAllStringSubmatch(string(f.data), -1) {
			families = append(families, m[1])
		}
	}
	for word := range words {
		family := false
		for _, f := range families {
			family = family || strings.HasPrefix(word, f)
		}
		if !used[word] && !family {
			t.Errorf("nobody uses the words %q", word)
		}
	}
}

// TestWordsOfTheSelfServicePage: the same of its own words, both languages.
func TestWordsOfTheSelfServicePage(t *testing.T) {
	words := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)(?:^  |\], )(\w+): \["[^"]+", "[^"]+"`).FindAllStringSubmatch(string(files[Prefix+"self/words.js"].data), -1) {
		words[m[1]] = true
	}
	page := string(files[Prefix+"self/self.js"].data)
	for _, m := range regexp.MustCompile(`\bt\("(\w+)"|\bmessage\(("\w+"(?:, "\w+")?)`).FindAllStringSubmatch(page, -1) {
		for _, key := range regexp.MustCompile(`\w+`).FindAllString(m[1]+" "+m[2], -1) {
			if !words[key] {
				t.Errorf("%q has no words", key)
			}
		}
	}
	for word := range words {
		if !strings.Contains(page, `"`+word+`"`) && settleStatementKinds[word] == "" {
			t.Errorf("nobody uses the words %q", word)
		}
	}
}

// settleStatementKinds are the kinds of rows of a statement, whose words the page finds by the daemon's own names.
var settleStatementKinds = map[string]settle.StatementKind{
	"own": settle.StatementOwn, "giver": settle.StatementRelative, "premium": settle.StatementPremium, "return": settle.StatementBack, "adjust": settle.StatementAdjusted,
}

// TestRelationsAreTurnedRound: the API says what the patient is to the giver, the page what the giver is to the patient.
func TestRelationsAreTurnedRound(t *testing.T) {
	text := string(files[Prefix+"words.js"].data)
	for _, relation := range []settle.Relation{settle.Spouse, settle.Parent, settle.Child, settle.Sibling} {
		if want := `giver_` + string(relation) + `: ["` + relation.GiverTitle() + `"`; !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestReasonsInEnglish: every reason why an account does not pay has English words on the page.
func TestReasonsInEnglish(t *testing.T) {
	text := string(files[Prefix+"words.js"].data)
	for reason := range settle.ReasonSentences {
		if strings.HasPrefix(string(reason), "K_") && !strings.Contains(text, `reason_`+string(reason)+`: ["", "`) {
			t.Errorf("no English for %s", reason)
		}
	}
}

// importsOf finds the modules that a module imports.
var importsOf = regexp.MustCompile(`(?m)^import [^;]*"(\.[^"]+)";`)

// TestModulesImportInNoCircle: a module in a circle may be run before what it is made of is there.
func TestModulesImportInNoCircle(t *testing.T) {
	looked := map[string]bool{}
	var visit func(name string, way []string)
	visit = func(name string, way []string) {
		if slices.Contains(way, name) {
			t.Errorf("%s imports itself by way of %v", name, way)
			return
		}
		if looked[name] {
			return
		}
		f, known := files[name]
		if !known {
			t.Errorf("%v import %s, which does not exist", way, name)
		}
		for _, found := range importsOf.FindAllStringSubmatch(string(f.data), -1) {
			visit(path.Join(path.Dir(name), found[1]), append(way[:len(way):len(way)], name))
		}
		looked[name] = true
	}
	visit(Prefix+"main.js", nil)
	visit(Prefix+"self/self.js", nil)
	if len(looked) < 30 {
		t.Errorf("only %d modules are reached", len(looked))
	}
}

func TestDemoExistsOnlyWhenSet(t *testing.T) {
	const kind, json = "Content-Type", "application/json"
	if w := do(Handler(Options{}), "POST", "/console/demo/cards", "{}", kind, json); w.Code != 404 {
		t.Errorf("without a demo: %d", w.Code)
	}
	if page := do(Handler(Options{}), "GET", "/console/", "").Body.String(); !strings.Contains(page, `data-demo="false"`) {
		t.Error("the page does not say that there is no demo")
	}
	h := Handler(Options{Demo: &player{}, Version: `1.0"><b>`})
	if page := do(h, "GET", "/console/", "").Body.String(); !strings.Contains(page, `data-demo="true"`) || strings.Contains(page, "<b>") {
		t.Error("the page does not say that there is a demo, or the version is not escaped")
	}
	if w := do(h, "POST", "/console/demo/cards", "{}", kind, json); w.Code != 200 || w.Body.String() != `{"cards":[{"id":"wang","label":"王芳"},{"id":"li","label":"李敏"}]}`+"\n" {
		t.Errorf("cards: %d %s", w.Code, w.Body)
	}
}

func TestDemoActions(t *testing.T) {
	p := &player{}
	h := Handler(Options{Demo: p})
	for _, c := range []struct {
		action, body string
		status       int
	}{
		{"insert", `{"id":"wang"}`, 200}, {"remove", `{}`, 200}, {"unplug", ``, 200}, {"replug", `{}`, 200},
		{"centre", `{"up":false}`, 200}, {"centre", `{"up":true}`, 200},
		{"insert", `{"id":"nobody"}`, 422}, {"insert", `{}`, 422}, {"centre", `{}`, 422}, {"insert", `{"id":7}`, 422},
		{"insert", `{"card":"wang"}`, 422}, {"nothing", `{}`, 404}, {"insert", `{"id":"` + strings.Repeat("x", maxDemoBody) + `"}`, 413},
	} {
		w := do(h, "POST", DemoPrefix+c.action, c.body, "Content-Type", "application/json")
		if w.Code != c.status || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %.40s: %d %s", c.action, c.body, w.Code, w.Body)
		}
	}
	if got, want := strings.Join(p.did, ","), "insert wang,remove,unplug,replug,down,up"; got != want {
		t.Errorf("did %s, want %s", got, want)
	}
	if w := do(h, "GET", DemoPrefix+"cards", ""); w.Code != 405 || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d", w.Code)
	}
	if w := do(h, "POST", DemoPrefix+"remove", "id=1", "Content-Type", "application/x-www-form-urlencoded"); w.Code != 415 {
		t.Errorf("a form: %d", w.Code)
	}
	p.fault = errors.New("the pty is gone")
	w := do(h, "POST", DemoPrefix+"remove", "{}", "Content-Type", "application/json")
	var problem struct{ Code, Message, Detail string }
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code != 500 || problem.Code != "DEMO_FAILED" || problem.Detail != "the pty is gone" || problem.Message == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
