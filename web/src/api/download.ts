/** Saves files of the gateway. */
import { fetchedFile } from "./fetched";
import { saveBlob } from "./save_blob";

/** Read a file with the person's key, and save it. Throws `RequestFailed`. */
export async function saveFile(name: string, link: string): Promise<void> {
  saveBlob(name, await fetchedFile(link));
}
