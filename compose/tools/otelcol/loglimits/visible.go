package loglimits

import (
	"fmt"
	"strings"
	"unicode"
)

// visible is the text with escapes (\x1b, \u202e) in place of characters that have no shape of their own and steer what
// shows them: control characters but for tab and newline, and those that turn the direction of text.
func visible(text string) string {
	if strings.IndexFunc(text, steers) < 0 {
		return text
	}
	var shown strings.Builder
	for _, each := range text {
		switch {
		case !steers(each):
			shown.WriteRune(each)
		case each < 0x100:
			fmt.Fprintf(&shown, `\x%02x`, each)
		default:
			fmt.Fprintf(&shown, `\u%04x`, each)
		}
	}
	return shown.String()
}

func steers(each rune) bool {
	if each >= ' ' && each < 0x7f || each == '\t' || each == '\n' {
		return false
	}
	return unicode.IsControl(each) || unicode.Is(unicode.Bidi_Control, each) || each == '\u2028' || each == '\u2029'
}
