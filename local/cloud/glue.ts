/** The Glue catalogue over AWS JSON 1.1: databases and tables, as CloudFormation makes them and Athena reads them. */
import { join } from 'node:path';
import type { GlueTable } from './athena-tables.ts';
import { type Input, inputOf, jsonRefusal, jsonReply, targetOf } from './aws-json.ts';
import { AwsError, type Exchange, notImplemented, type Reply, type Service } from './exchange.ts';
import { readState, writeState } from './state-file.ts';

interface Database {
  readonly name: string;
  tables: GlueTable[];
}

export class Glue implements Service {
  readonly name = 'glue';
  readonly #file: string;
  readonly #databases: Map<string, Database>;

  constructor(options: { readonly folder: string }) {
    this.#file = join(options.folder, 'databases.json');
    this.#databases = new Map(readState<Database[]>(this.#file, []).map((one) => [one.name, one]));
  }

  operationOf = targetOf;

  async handle(exchange: Exchange): Promise<Reply> {
    return jsonReply(this.#do(targetOf(exchange), inputOf(exchange)));
  }

  refuse = jsonRefusal;

  /** A table by its name in lower case. */
  table(database: string, name: string): GlueTable | undefined {
    return this.#databases.get(database)?.tables.find((table) => table.Name === name);
  }

  #do(operation: string, input: Input): object {
    switch (operation) {
      case 'CreateDatabase': {
        const { Name } = input.DatabaseInput as { readonly Name: string };
        if (this.#databases.has(Name)) throw new AwsError(400, 'AlreadyExistsException', 'Database already exists.');
        this.#databases.set(Name, { name: Name, tables: [] });
        break;
      }
      case 'GetDatabase':
        return { Database: { Name: this.#database(String(input.Name)).name } };
      case 'CreateTable': {
        const database = this.#database(String(input.DatabaseName));
        const table = input.TableInput as GlueTable;
        if (database.tables.some(({ Name }) => Name === table.Name)) {
          throw new AwsError(400, 'AlreadyExistsException', 'Table already exists.');
        }
        database.tables = [...database.tables, table];
        break;
      }
      case 'UpdateTable': {
        const database = this.#database(String(input.DatabaseName));
        const table = input.TableInput as GlueTable;
        this.#table(database, table.Name);
        database.tables = database.tables.map((one) => (one.Name === table.Name ? table : one));
        break;
      }
      case 'GetTable':
        return { Table: this.#table(this.#database(String(input.DatabaseName)), String(input.Name)) };
      case 'GetTables':
        return { TableList: this.#database(String(input.DatabaseName)).tables };
      default:
        throw notImplemented(`Glue ${operation}`);
    }
    writeState(this.#file, [...this.#databases.values()]);
    return {};
  }

  #database(name: string): Database {
    const found = this.#databases.get(name);
    if (!found) throw new AwsError(400, 'EntityNotFoundException', `Database ${name} not found.`);
    return found;
  }

  #table(database: Database, name: string): GlueTable {
    const found = database.tables.find((table) => table.Name === name);
    if (!found) throw new AwsError(400, 'EntityNotFoundException', `Table ${name} not found.`);
    return found;
  }
}
