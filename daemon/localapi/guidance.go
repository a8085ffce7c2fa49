package localapi

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"gongji/settle"
)

// ChannelAnswer is a place where people do something themselves.
type ChannelAnswer struct {
	Kind   string `json:"kind" enum:"app,mini_program,wechat,alipay,web,window,terminal,bank,phone,tax"`
	Name   string `json:"name" doc:"Chinese, as people find it"`
	Detail string `json:"detail,omitempty" doc:"Where in it"`
	Phone  string `json:"phone,omitempty"`
	URL    string `json:"url,omitempty"`
}

// TopicAnswer is what a region says on one question.
type TopicAnswer struct {
	Topic      string          `json:"topic" doc:"Name, such as binding or premium"`
	Title      string          `json:"title" doc:"Chinese"`
	TitleEN    string          `json:"title_en"`
	Text       string          `json:"text" doc:"Chinese"`
	TextEN     string          `json:"text_en"`
	Channels   []ChannelAnswer `json:"channels"`
	Source     string          `json:"source" doc:"The documents; empty where none was found"`
	Confidence string          `json:"confidence" doc:"gov, press, secondary or assumed"`
}

// GuidanceAnswer is what the venue's region says to people at the counter: where to bind, to pay a relative's contribution,
// to ask. Nothing is decided by it.
type GuidanceAnswer struct {
	Region     string        `json:"region" doc:"Administrative code; empty where there is no policy"`
	RegionName string        `json:"region_name" doc:"Chinese"`
	Topics     []TopicAnswer `json:"topics" doc:"In reading order"`
}

type guidanceInput struct {
	Topic string `query:"topic" maxLength:"32" doc:"Only this one"`
}

type guidanceOutput struct{ Body GuidanceAnswer }

func (s *Server) addGuidance(op huma.Operation) {
	op.Description = "The words and channels of the region's policy, each with its source and how far to trust it."
	register(s, op, func(_ context.Context, in *guidanceInput) (*guidanceOutput, error) {
		guide := s.guidance()
		if in.Topic != "" {
			topic, found := guide.Topic(in.Topic)
			if !found {
				return nil, settle.NewError(settle.NotFound, nil).With("topic", in.Topic)
			}
			guide.Topics = []settle.NamedTopic{topic}
		}
		return &guidanceOutput{Body: GuidanceOf(&guide)}, nil
	})
}

// GuidanceOf is guidance as GET /v1/guidance answers it; the command line prints the same.
func GuidanceOf(guide *settle.Guidance) GuidanceAnswer {
	answer := GuidanceAnswer{Region: guide.Region, RegionName: guide.RegionName, Topics: make([]TopicAnswer, len(guide.Topics))}
	for i := range guide.Topics {
		answer.Topics[i] = topicAnswer(&guide.Topics[i])
	}
	return answer
}

func topicAnswer(t *settle.NamedTopic) TopicAnswer {
	answer := TopicAnswer{
		Topic: t.Name, Title: t.Title, TitleEN: t.TitleEN, Text: t.Text, TextEN: t.TextEN, Channels: make([]ChannelAnswer, len(t.Channels)),
		Source: t.Source, Confidence: string(t.Confidence),
	}
	for i, c := range t.Channels {
		answer.Channels[i] = ChannelAnswer(c)
	}
	return answer
}
