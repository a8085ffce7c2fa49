package localapi_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"gongji/daemon/localapi"
)

// TestNoRequestReachesOutOfTheAPI: nothing in the API runs a program, fetches an address, opens a file by its name, or installs or
// updates anything. Other local services had such a route, and any web page made use of it.
func TestNoRequestReachesOutOfTheAPI(t *testing.T) {
	reaching := regexp.MustCompile(`(?i)(^|[_/.-])(path|uri|url|href|file_?name|dir|directory|folder|command|cmd|exec|program|script|plugin|dll|callback|webhook|install|update|upgrade|restart|shell|proxy_url)($|[_/.-])`)
	for _, route := range localapi.Routes() {
		if reaching.MatchString(route[1]) {
			t.Errorf("%v reaches out of the API", route)
		}
	}
	r := newRig(t, nil)
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(r.do(http.MethodGet, "/openapi.json", "", nil).body, &document); err != nil {
		t.Fatal(err)
	}
	looked := 0
	for name, schema := range document.Components.Schemas {
		if !strings.HasSuffix(name, "Request") {
			continue
		}
		for property := range schema.Properties {
			if looked++; reaching.MatchString(property) {
				t.Errorf("%s.%s names something outside of the API", name, property)
			}
		}
	}
	if looked < 100 {
		t.Errorf("only %d members of requests were looked at", looked)
	}
}
