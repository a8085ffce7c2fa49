package centre

import (
	"fmt"

	"gongji/sync/nhsa"
)

// signIn answers 9001 签到.
func (w *work) signIn(r *nhsa.Request) (any, error) {
	in, err := input[nhsa.SignInInput](r)
	if err != nil {
		return nil, err
	}
	if _, _, err := in.SignIn.Input(); err != nil {
		return nil, refusal("[FORMAT] " + err.Error())
	}
	if in.SignIn.Operator != r.Operator {
		return nil, refusal("[FORMAT] opter_no 与经办人不一致")
	}
	now := w.options.Clock()
	number := fmt.Sprintf("%s%s%08d", w.options.Area, nhsa.CompactTime(now)[:14], w.nextSerial()%1e8)
	w.signIns.put(r.Venue+"/"+r.Operator, signIn{number, now})
	return map[string]any{"signinoutb": map[string]any{"sign_time": nhsa.Stamp(now), "sign_no": number}}, nil
}
