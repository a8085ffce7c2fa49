package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gongji/settle"
)

// Every embedded region answers every topic, in both languages, with a source.
func TestEveryRegionAnswersEveryTopic(t *testing.T) {
	set := mustSet(t)
	for _, region := range set.Regions() {
		guide := mustRules(t, set, region, 20260310).Guide()
		if guide.Region != region || guide.RegionName == "" || len(guide.Contacts) == 0 || len(guide.Channels) == 0 {
			t.Errorf("%s: %q, contacts %v, channels %v", region, guide.RegionName, guide.Contacts, guide.Channels)
		}
		for _, name := range settle.TopicNames() {
			topic, found := guide.Topic(name)
			if !found || topic.Text == "" || topic.TextEN == "" || topic.TitleEN == "" || topic.Source == "" || topic.Confidence == settle.ConfidenceAssumed {
				t.Errorf("%s says on %s: %+v", region, name, topic)
			}
		}
	}
}

// The channels that the guides name, each in its region.
func TestChannelsOfRegions(t *testing.T) {
	set := mustSet(t)
	for _, c := range []struct{ region, topic, channel, confidence string }{
		{"430100", "binding", "湘医保", "press"},
		{"CN", "local_zone", "添加我的亲属", "press"},
		{"420000", "premium", "楚税通", "press"},
		{"420000", "binding", "鄂汇办", "press"},
		{"420500", "binding", "医保心服务", "press"},
		{"130000", "binding", "河北智慧医保", "press"},
		{"440000", "unbinding", "绑定/解绑", "press"},
		{"440300", "unbinding", "绑定/解绑", "press"},
		{"440300", "binding", "深圳医保", "press"},
		{"320000", "binding", "江苏医保云", "press"},
		{"140000", "binding", "家庭账户共济", "press"},
		{"610100", "binding", "陕西医保", "press"},
		{"CN", "premium", "支付宝", "press"},
		{"CN", "evoucher", "建设银行", "press"},
		{"CN", "evoucher", "支付宝 搜索“医保码”小程序", "press"},
		{"CN", "elderly", "医保经办大厅", "press"},
		{"CN", "balance", "支付宝", "press"},
		{"510000", "hotline", "12345", "press"},
		{"430100", "penalties", "", "gov"},
	} {
		guide := mustRules(t, set, c.region, 20260310).Guide()
		topic, _ := guide.Topic(c.topic)
		if c.channel != "" && !slices.ContainsFunc(topic.Channels, func(x settle.Channel) bool { return strings.Contains(x.Label(), c.channel) }) {
			t.Errorf("%s, %s: no channel %s in %+v", c.region, c.topic, c.channel, topic.Channels)
		}
		if string(topic.Confidence) != c.confidence {
			t.Errorf("%s, %s: confidence %s, want %s", c.region, c.topic, topic.Confidence, c.confidence)
		}
	}
	due, _ := func() (settle.NamedTopic, bool) {
		g := mustRules(t, set, "370000", 20260310).Guide()
		return g.Topic("premium_due")
	}()
	if !strings.Contains(due.Text, "2025-10-10至2025-12-31") {
		t.Errorf("Shandong's windows are not told: %s", due.Text)
	}
}

// A city that names one channel keeps the words of its province, and leaves its province's channels as they are.
func TestTopicsAreInherited(t *testing.T) {
	set := loadDir(t, `id: "420500"
parent: "420000"
name: 宜昌市
version: "1"
effective_from: 2025-01-01
rules:
  guidance.binding:
    value: {channels: [{kind: wechat, name: 医保心服务}]}
    src: Z001
  notices.unbinding: {value: {id: YC, version: "3", required: true}, src: Z001}
`)
	city, province := mustRules(t, set, "420500", 20260310).Guide(), mustRules(t, set, "420000", 20260310).Guide()
	if !slices.Equal(city.Channels, []string{"医保心服务"}) || len(province.Channels) != 3 {
		t.Errorf("the city has %v, the province %v", city.Channels, province.Channels)
	}
	own, _ := city.Topic("binding")
	theirs, _ := province.Topic("binding")
	if own.Text == "" || own.Text != theirs.Text || own.TitleEN != theirs.TitleEN {
		t.Errorf("the city's words are %q, the province's %q", own.Text, theirs.Text)
	}
	if n := mustRules(t, set, "420500", 20260310).Notices.Unbinding; !n.Required || n.ID != "YC" || n.Version != "3" {
		t.Errorf("the notice is %+v", n)
	}
	if mustRules(t, set, "420000", 20260310).Notices.Unbinding.Is() {
		t.Error("the province has the city's notice")
	}
}

func loadDir(t *testing.T, text string) *Set {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestMistakesInWordsAreRefused(t *testing.T) {
	for value, want := range map[string]string{
		`guidance.binding: {value: {channels: [{kind: pigeon, name: x}]}, src: Z001}`: `"pigeon"`,
		`guidance.binding: {value: {channels: [{kind: app}]}, src: Z001}`:             "no name",
		`guidance.binding: {value: {titel: x}, src: Z001}`:                            `"titel"`,
		`guidance.binding: {value: 湘医保, src: Z001}`:                                   "must be a map",
		`guidance.bindng: {value: {title: x}, src: Z001}`:                             `did you mean "guidance.binding"`,
		`notices.binding: {value: {required: true}, src: Z001}`:                       "id and a version",
		`notices.binding: {value: {id: A, pages: 3}, src: Z001}`:                      `"pages"`,
	} {
		_, problems := parseFile("x.yaml", []byte("id: \"420500\"\nparent: \"420000\"\nname: x\nversion: \"1\"\neffective_from: 2025-01-01\nrules:\n  "+value+"\n"))
		if len(problems) != 1 || problems[0].Line != 7 || !strings.Contains(problems[0].Message, want) {
			t.Errorf("%s: %v, want %s", value, problems, want)
		}
	}
}
