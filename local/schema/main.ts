// `npm run schema`: writes the schema for other languages, after a change of arguments or outputs.
import { writeFileSync } from "node:fs";
import { packageSchema, schemaFile } from "./schema";

writeFileSync(schemaFile, packageSchema());
