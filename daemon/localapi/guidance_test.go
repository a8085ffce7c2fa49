package localapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"gongji/daemon/localapi"
	. "gongji/daemon/session/sessiontest"
	"gongji/settle"
)

func TestGuidance(t *testing.T) {
	rules := settle.DefaultRules()
	rules.ID, rules.Name = "430100", "长沙市"
	rules.Sources = map[string]settle.Source{"Z000": {Code: "Z000", Title: "某指南"}}
	rules.Provenance = map[string]settle.Origin{"guidance.binding": {Policy: "430100", Src: []string{"Z000"}, Confidence: settle.ConfidencePress}}
	rules.Guidance.Binding = settle.Topic{
		Title: "怎样绑定", TitleEN: "How to bind", Text: "请打开 App。", TextEN: "Open the app.",
		Channels: []settle.Channel{{Kind: "app", Name: "湘医保", Detail: "家庭共济"}, {Kind: "phone", Name: "热线", Phone: "12393"}},
	}
	rules.Guidance.Penalties = settle.Topic{Title: "后果", TitleEN: "Penalties", Text: "违法。", TextEN: "Unlawful."}
	r := newRig(t, func(o *localapi.Options) { o.Guidance = rules.Guide })
	all := r.do(http.MethodGet, "/v1/guidance", "", nil)
	var got localapi.GuidanceAnswer
	if err := json.Unmarshal(all.body, &got); err != nil || all.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", all.StatusCode, err)
	}
	if got.Region != "430100" || got.RegionName != "长沙市" || len(got.Topics) != 2 || got.Topics[0].Source != "某指南" ||
		got.Topics[0].Confidence != "press" || got.Topics[0].Channels[1].Phone != "12393" || got.Topics[1].Channels == nil {
		t.Errorf("guidance: %s", all.body)
	}
	one := r.do(http.MethodGet, "/v1/guidance?topic=penalties", "", nil)
	if one.StatusCode != http.StatusOK || strings.Contains(string(one.body), "湘医保") || !strings.Contains(string(one.body), `"title_en":"Penalties"`) {
		t.Errorf("one topic: %d %s", one.StatusCode, one.body)
	}
	if none := r.do(http.MethodGet, "/v1/guidance?topic=weather", "", nil); none.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown topic: %d", none.StatusCode)
	}
	if open := r.do(http.MethodGet, "/v1/guidance", "", func(q *http.Request) { q.Header.Del("Authorization") }); open.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", open.StatusCode)
	}
}

// Somebody else's card is refused with what its use brings, where the region says so.
func TestPenaltiesAreNamedWhereTheyThreaten(t *testing.T) {
	rules := settle.DefaultRules()
	rules.Guidance.Penalties = settle.Topic{Title: "后果", Text: "冒用医保凭证是违法的。"}
	r := newRig(t, func(o *localapi.Options) { o.Guidance = rules.Guide })
	r.reader.Insert(Daughter.Card())
	refused := r.do(http.MethodPost, "/v1/settlements", encode(t, sale("S1", "10.00")), nil)
	if p := refused.problem(t); p.Code != settle.PersonCardMismatch || !strings.Contains(string(refused.body), `"penalties":"冒用医保凭证是违法的。"`) {
		t.Errorf("refused with %s", refused.body)
	}
	r.reader.Remove()
	absent := r.do(http.MethodPost, "/v1/settlements", encode(t, sale("S2", "10.00")), nil)
	if strings.Contains(string(absent.body), "penalties") {
		t.Errorf("no card threatens: %s", absent.body)
	}
}
