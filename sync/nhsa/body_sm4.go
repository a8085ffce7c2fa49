package nhsa

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	gmcipher "github.com/emmansun/gmsm/cipher"
	"github.com/emmansun/gmsm/padding"
	"github.com/emmansun/gmsm/sm4"

	"gongji/settle"
)

// EncSM4 is enc_type of a message whose input is ciphertext.
const EncSM4 = "SM4"

// SM4Body encrypts input and opens output as the centres do that want it: SM4 in ECB mode with PKCS#7 padding, in
// Base64. ECB hides the text and not its repetitions, which is why TLS is wanted around it all the same; the mode is
// the centre's to choose. It is safe for concurrent use.
type SM4Body struct{ key []byte }

// NewSM4Body takes the key of 16 bytes; NOT_CONFIGURED for any other length.
func NewSM4Body(key []byte) (*SM4Body, error) {
	if len(key) != sm4.BlockSize {
		return nil, settle.NewError(settle.NotConfigured, errors.New("the SM4 key must have 16 bytes"))
	}
	return &SM4Body{append([]byte(nil), key...)}, nil
}

// Seal encrypts a text.
func (b *SM4Body) Seal(text []byte) (string, error) {
	block, err := sm4.NewCipher(b.key)
	if err != nil {
		return "", err
	}
	padded := padding.NewPKCS7Padding(sm4.BlockSize).Pad(text)
	gmcipher.NewECBEncrypter(block).CryptBlocks(padded, padded)
	return base64.StdEncoding.EncodeToString(padded), nil
}

// Open decrypts what Seal wrote. The error says nothing about the content.
func (b *SM4Body) Open(sealed string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(data) == 0 || len(data)%sm4.BlockSize != 0 {
		return nil, errors.New("not an SM4 text")
	}
	block, err := sm4.NewCipher(b.key)
	if err != nil {
		return nil, err
	}
	gmcipher.NewECBDecrypter(block).CryptBlocks(data, data)
	text, err := padding.NewPKCS7Padding(sm4.BlockSize).Unpad(data)
	if err != nil {
		return nil, errors.New("not an SM4 text under this key")
	}
	return text, nil
}

// sealInput encrypts the input of a message that is signed already.
func (b *SM4Body) sealInput(r *Request) error {
	text := []byte(r.Input)
	var inner string
	if json.Unmarshal(r.Input, &inner) == nil {
		text = []byte(inner)
	}
	sealed, err := b.Seal(text)
	if err != nil {
		return err
	}
	r.EncType = EncSM4
	r.Input, err = encode(sealed)
	return err
}

// OpenText opens input or output that is a sealed text; anything else is returned as it is.
func (b *SM4Body) OpenText(node json.RawMessage) (json.RawMessage, error) {
	var sealed string
	if json.Unmarshal(node, &sealed) != nil || sealed == "" {
		return node, nil
	}
	return b.Open(sealed)
}

// ReplaceInput is a message with another input; nothing else of it changes in value.
func ReplaceInput(message []byte, input json.RawMessage) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(message, &members); err != nil {
		return nil, errors.New("the message is not a JSON object")
	}
	members["input"] = input
	return encode(members)
}
