/** Answers that go on, a JSON document a line. */

/** Read lines as they come, until the stream ends or is cancelled; raises what ends it otherwise. */
export async function readJsonLines(stream: ReadableStream<Uint8Array>, take: (line: unknown) => void): Promise<void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let begun = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (begun + decoder.decode(value, { stream: true })).split("\n");
    begun = lines.pop()!;
    for (const text of lines) if (text.trim() !== "") take(JSON.parse(text));
  }
}
