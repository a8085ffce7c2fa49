package settle

import (
	"slices"
	"strings"
)

// Channel is a place where people do something themselves: an app, a mini program, a web site, a window, a hotline.
type Channel struct {
	Kind   string `json:"kind"`             // of ChannelKinds
	Name   string `json:"name"`             // Chinese, as people find it
	Detail string `json:"detail,omitempty"` // where in it, such as the name of a menu
	Phone  string `json:"phone,omitempty"`
	URL    string `json:"url,omitempty"`
}

// ChannelKinds are the kinds of channels a policy file may name.
var ChannelKinds = []string{"app", "mini_program", "wechat", "alipay", "web", "window", "terminal", "bank", "phone", "tax"}

// Label is the channel in one line, such as 国家医保服务平台App 地方专区.
func (c Channel) Label() string {
	parts := []string{c.Name, c.Detail, c.Phone, c.URL}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// Topic is what a region says on one question that people ask at a counter: what is so, and where to go.
type Topic struct {
	Title    string    `json:"title,omitempty"` // Chinese
	TitleEN  string    `json:"title_en,omitempty"`
	Text     string    `json:"text,omitempty"` // Chinese
	TextEN   string    `json:"text_en,omitempty"`
	Channels []Channel `json:"channels,omitempty"`
}

// GuidanceRules are a region's words to people at the counter. Nothing is decided by them. Each topic is a key of its own,
// so each has its own sources, and a city may replace the channels of one alone.
type GuidanceRules struct {
	Sharing      Topic `rule:"sharing"`       // what sharing is, and that it is the way to help relatives (S-207)
	Binding      Topic `rule:"binding"`       // S-025, S-066, S-111, S-119, S-165, S-221, S-230, S-233
	Unbinding    Topic `rule:"unbinding"`     // S-166
	LocalZone    Topic `rule:"local_zone"`    // of the national app (S-169, S-170)
	Wallet       Topic `rule:"wallet"`        // sharing between provinces
	FamilyCode   Topic `rule:"family_code"`   // which is no sharing (S-027)
	Premium      Topic `rule:"premium"`       // S-110, S-112
	PremiumDue   Topic `rule:"premium_due"`   // S-199
	Balance      Topic `rule:"balance"`       // S-038, S-078, S-146, S-149, S-196
	Evoucher     Topic `rule:"evoucher"`      // activating one (S-187 to S-190)
	Remote       Topic `rule:"remote"`        // filing treatment elsewhere (S-108, S-194, S-244)
	Receipt      Topic `rule:"receipt"`       // official receipts and claims (S-185, S-224, S-236, S-237)
	Elderly      Topic `rule:"elderly"`       // help for people without a telephone (S-159)
	Procedures   Topic `rule:"procedures"`    // which differ from place to place (S-161)
	SensibleUse  Topic `rule:"sensible_use"`  // S-100
	Penalties    Topic `rule:"penalties"`     // S-209
	PersonalData Topic `rule:"personal_data"` // what to tell the insurer when it changes (S-098)
	Hotline      Topic `rule:"hotline"`       // whom to ask (S-022, S-031, S-039, S-122)
}

// NamedTopic is a topic with its name, and how far to trust it.
type NamedTopic struct {
	Name string // the policy key without "guidance."
	Topic
	Source     string     // the documents, in a line; empty where none is known
	Confidence Confidence // of the file that said the last word
}

// Guidance is a region's word on whom to ask and where to go.
type Guidance struct {
	Region     string
	RegionName string // Chinese
	Contacts   []string
	Channels   []string // where bindings are made
	Topics     []NamedTopic
}

// topics are the topics in the order in which people should read them.
func (g *GuidanceRules) topics() []NamedTopic {
	return []NamedTopic{
		{Name: "sharing", Topic: g.Sharing}, {Name: "binding", Topic: g.Binding}, {Name: "unbinding", Topic: g.Unbinding},
		{Name: "local_zone", Topic: g.LocalZone}, {Name: "wallet", Topic: g.Wallet}, {Name: "family_code", Topic: g.FamilyCode},
		{Name: "premium", Topic: g.Premium}, {Name: "premium_due", Topic: g.PremiumDue}, {Name: "balance", Topic: g.Balance},
		{Name: "evoucher", Topic: g.Evoucher}, {Name: "remote", Topic: g.Remote}, {Name: "receipt", Topic: g.Receipt},
		{Name: "elderly", Topic: g.Elderly}, {Name: "procedures", Topic: g.Procedures}, {Name: "sensible_use", Topic: g.SensibleUse},
		{Name: "penalties", Topic: g.Penalties}, {Name: "personal_data", Topic: g.PersonalData}, {Name: "hotline", Topic: g.Hotline},
	}
}

// Guide is what the region says to people, topics without a title left out. The windows of premium.windows are added to
// the words on when contributions fall due, so that dates stand in one place.
func (r *Rules) Guide() Guidance {
	guide := Guidance{
		Region: r.ID, RegionName: r.Name, Contacts: labels(r.Guidance.Hotline.Channels), Channels: labels(r.Guidance.Binding.Channels),
	}
	for _, topic := range r.Guidance.topics() {
		if topic.Title == "" {
			continue
		}
		if topic.Name == "premium_due" {
			topic.Text, topic.TextEN = topic.Text+r.windowWords("集中缴费期：", "至", "。"), topic.TextEN+r.windowWords(" Windows: ", " to ", ".")
		}
		cited := r.Cite("guidance." + topic.Name)
		topic.Source, topic.Confidence = strings.Join(cited.Titles, "；"), cited.Confidence
		guide.Topics = append(guide.Topics, topic)
	}
	return guide
}

// Topic finds a topic by name.
func (g *Guidance) Topic(name string) (NamedTopic, bool) {
	at := slices.IndexFunc(g.Topics, func(t NamedTopic) bool { return t.Name == name })
	if at < 0 {
		return NamedTopic{}, false
	}
	return g.Topics[at], true
}

// TopicNames are the names of all topics that a region may have, in reading order.
func TopicNames() []string {
	topics := new(GuidanceRules).topics()
	names := make([]string, len(topics))
	for i := range topics {
		names[i] = topics[i].Name
	}
	return names
}

func (r *Rules) windowWords(head, to, end string) string {
	if len(r.Premium.Windows) == 0 {
		return ""
	}
	spans := make([]string, len(r.Premium.Windows))
	for i, w := range r.Premium.Windows {
		spans[i] = w.From.String() + to + w.To.String()
	}
	return head + strings.Join(spans, ", ") + end
}

func labels(channels []Channel) []string {
	out := make([]string, len(channels))
	for i, c := range channels {
		out[i] = c.Label()
	}
	return out
}
