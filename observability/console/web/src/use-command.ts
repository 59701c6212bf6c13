/** What is typed in a terminal to have a command act on the instance that is shown. */
import * as platform from "./stores/platform.ts";
import { useAnswer } from "./use-answer.ts";

/** A command of `nextphase`, with the instance's name where it is not the default one. */
export function useCommand(words: string): string {
  const { answer } = useAnswer(platform.instance, []);
  return `./nextphase ${words}${answer && answer.instance !== "default" ? ` --instance ${answer.instance}` : ""}`;
}
